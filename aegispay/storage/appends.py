"""The rows of the appends that share a transaction: gathered first, written at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from aegispay.delivery_errors import CustomerBusyError
from aegispay.domain.events import encode
from aegispay.errors import LimitReachedError, VersionConflictError
from aegispay.ports import Append
from aegispay.storage import marks
from aegispay.storage.bulk import execute_rows, places
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.customer_keys import BatchKeys, Owner
from aegispay.storage.erasures import Erase
from aegispay.storage.personal import encode_parts
from aegispay.storage.rows import CHANGED_COLUMNS, ROW_COLUMNS, changed_values, row_values
from aegispay.storage.sealing import KEY_BYTES, NONCE_BYTES, Entropy, Personal, Place, seal

Encoded = tuple[str, int, str, Personal | None]
"""An event as it will be stored: type, schema version, data, and what has to be sealed into the data."""


@dataclass(frozen=True, slots=True, repr=False)
class Write:
    """One append, its events already written as JSON.

    Attributes:
        secret: to make its customer's key of, if there is none yet; empty when nothing has to be sealed.
    """

    append: Append
    encoded: tuple[Encoded, ...]
    secret: bytes = b""

    def __repr__(self) -> str:
        """Say how much, never what: the driver logs what it is given."""
        return f"<Write {len(self.encoded)} events of {self.append.payment_id}>"

    @property
    def owner(self) -> Owner:
        """Whose key seals it, where something has to be sealed."""
        return self.append.row.merchant, self.append.row.customer_id or ""


def prepare(append: Append, entropy: Entropy) -> Write:
    """Write the events as JSON; where they belong to a customer, with what is personal apart.

    What is random about it is drawn here, once, and not while it is written: that may happen more than once.

    Raises:
        CardDataError: a text in them holds a card number.
    """
    if append.row.customer_id is None:
        return Write(append, tuple((e.type.value, e.schema_version, encode(e).decode(), None) for e in append.events))
    parts = [encode_parts(event) for event in append.events]
    sealed = sum(personal is not None for _, personal in parts)
    drawn = entropy(KEY_BYTES + NONCE_BYTES * sealed) if sealed else b""
    nonces = (drawn[start : start + NONCE_BYTES] for start in range(KEY_BYTES, len(drawn), NONCE_BYTES))
    encoded = tuple(
        (e.type.value, e.schema_version, data, None if text is None else Personal(text, next(nonces)))
        for e, (data, text) in zip(append.events, parts, strict=True)
    )
    return Write(append, encoded, drawn[:KEY_BYTES])


LAST_EVENT = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
VERSIONS = "SELECT payment_id, version FROM payments WHERE payment_id IN (SELECT value FROM json_each(?))"


@cache
def insert_events(rows: int) -> str:
    """Return the statement that writes so many events."""
    return f"INSERT INTO events VALUES {places(8, rows)}"  # noqa: S608 - place-holders only


@cache
def insert_payments(rows: int) -> str:
    """Return the statement that writes so many new rows of payments."""
    return f"INSERT INTO payments ({ROW_COLUMNS}, version) VALUES {places(18, rows)}"  # noqa: S608 - constant columns


@cache
def update_payments(rows: int) -> str:
    """Return the statement that changes so many rows of payments."""
    columns = CHANGED_COLUMNS.split(", ")
    changes = ", ".join(f"{column} = new.column{index}" for index, column in enumerate(columns, start=1))
    return (
        f"UPDATE payments SET {changes} "  # noqa: S608 - constant columns
        f"FROM (VALUES {places(len(columns) + 1, rows)}) AS new WHERE payment_id = new.column{len(columns) + 1}"
    )


class AppendBatch:
    """Appends of one transaction that has begun.

    Args:
        writes: all appends that will come.
        recorded_at_us: of all its events; microseconds since 1970 UTC.
    """

    def __init__(self, database: sqlite3.Connection, writes: Sequence[Write], recorded_at_us: int) -> None:
        self._database = database
        self._keys = BatchKeys(database, (write.owner for write in writes if write.secret))
        payment_ids = [write.append.payment_id for write in writes]
        self._recorded_at_us = recorded_at_us
        # Read each time, so that nothing has to be put right after a transaction that failed.
        self._tail: tuple[int, bytes] = database.execute(LAST_EVENT).fetchone() or (0, GENESIS)
        # One statement for all: each takes the interpreter's lock from the event loop and gives it back.
        self._versions: dict[str, int] = dict(database.execute(VERSIONS, (json.dumps(payment_ids),)).fetchall())
        self._events: list[tuple[Any, ...]] = []
        self._new: dict[str, tuple[Any, ...]] = {}
        self._changed: dict[str, tuple[Any, ...]] = {}

    def add(self, write: Write) -> int | VersionConflictError | LimitReachedError:
        """Take an append in; return the stream's new version, or what keeps it out."""
        append = write.append
        payment_id = append.payment_id
        actual = self._versions.get(payment_id, 0)
        if actual != append.expected_version:
            return VersionConflictError(payment_id=payment_id, expected=append.expected_version, actual=actual)
        if append.marks:
            refusal = marks.refused(self._database, append)
            if refusal is not None:
                return refusal
            marks.add(self._database, append, actual + len(write.encoded), self._recorded_at_us)
        for version, encoded in enumerate(write.encoded, start=actual + 1):
            self._add_event(write, version, encoded)
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
            execute_rows(self._database, insert_events, self._events)
            execute_rows(self._database, insert_payments, tuple(self._new.values()))
            execute_rows(self._database, update_payments, tuple(self._changed.values()))
            self._keys.flush()

    def erase(self, request: Erase) -> bool | CustomerBusyError:
        """Erase a customer, between what came before and what comes after."""
        self.flush()
        self._events, self._new, self._changed = [], {}, {}
        self._keys.forget(request.owner)
        return request.run(self._database)

    def _add_event(self, write: Write, version: int, encoded: Encoded) -> None:
        payment_id = write.append.payment_id
        event_type, schema_version, data, personal = encoded
        if personal is not None:
            key = self._keys.of(write.owner, write.secret)
            data = seal(key, Place(payment_id, version, event_type), data, personal)
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
