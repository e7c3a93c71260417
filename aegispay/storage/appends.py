"""The rows of the appends that share a transaction: gathered first, written at once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from aegispay.errors import VersionConflictError
from aegispay.ports import Append
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.rows import ROW_COLUMNS, changed_values, row_values

Encoded = tuple[str, int, str]
"""An event as stored: type, schema version, data."""


@dataclass(frozen=True, slots=True)
class Write:
    """One append, its events already written as JSON."""

    append: Append
    encoded: tuple[Encoded, ...]


LAST_EVENT = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
VERSION = "SELECT version FROM payments WHERE payment_id = ?"
INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_PAYMENT = (
    f"INSERT INTO payments ({ROW_COLUMNS}, version) "  # noqa: S608 - constant columns
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPDATE_PAYMENT = (
    "UPDATE payments SET version = ?, state = ?, in_doubt = ?, has_incident = ?, captured_minor = ?, "
    "refunded_minor = ?, gateway = ?, updated_at = ?, wake_at = ? WHERE payment_id = ?"
)


class AppendBatch:
    """Appends of one transaction that has begun.

    Args:
        recorded_at_us: of all its events; microseconds since 1970 UTC.
    """

    def __init__(self, database: sqlite3.Connection, recorded_at_us: int) -> None:
        self._database = database
        self._recorded_at_us = recorded_at_us
        # Read each time, so that nothing has to be put right after a transaction that failed.
        self._tail: tuple[int, bytes] = database.execute(LAST_EVENT).fetchone() or (0, GENESIS)
        self._versions: dict[str, int] = {}
        self._events: list[tuple[Any, ...]] = []
        self._new: dict[str, tuple[Any, ...]] = {}
        self._changed: dict[str, tuple[Any, ...]] = {}

    def add(self, write: Write) -> int | VersionConflictError:
        """Take an append in; return the stream's new version, or the conflict that keeps it out."""
        append = write.append
        payment_id = append.payment_id
        actual = self._version(payment_id)
        if actual != append.expected_version:
            return VersionConflictError(payment_id=payment_id, expected=append.expected_version, actual=actual)
        for version, encoded in enumerate(write.encoded, start=actual + 1):
            self._add_event(payment_id, version, encoded)
        version = actual + len(write.encoded)
        self._versions[payment_id] = version
        if actual == 0:
            self._new[payment_id] = (*row_values(append.row), version)
        else:
            self._changed[payment_id] = changed_values(append.row, version)
        return version

    def flush(self) -> None:
        """Write what was taken in: new rows first, because later appends may have changed them already."""
        if self._events:
            self._database.executemany(INSERT_EVENT, self._events)
            self._database.executemany(INSERT_PAYMENT, self._new.values())
            self._database.executemany(UPDATE_PAYMENT, self._changed.values())

    def _version(self, payment_id: str) -> int:
        known = self._versions.get(payment_id)
        if known is not None:
            return known
        found = self._database.execute(VERSION, (payment_id,)).fetchone()
        return 0 if found is None else int(found[0])

    def _add_event(self, payment_id: str, version: int, encoded: Encoded) -> None:
        event_type, schema_version, data = encoded
        position = self._tail[0] + 1
        digest = link(
            self._tail[1],
            position=position,
            payment_id=payment_id,
            version=version,
            event_type=event_type,
            schema_version=schema_version,
            recorded_at_us=self._recorded_at_us,
            data=data.encode(),
        )
        self._tail = (position, digest)
        self._events.append(
            (position, payment_id, version, event_type, schema_version, data, self._recorded_at_us, digest)
        )
