"""The writing side of the SQLite store: one transaction for every append that waits, on the connection's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.errors import CommitUnknownError, FencedError, StoreUnavailableError, VersionConflictError
from aegispay.ports import Append
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.migrations import read_epoch
from aegispay.storage.rows import ROW_COLUMNS, changed_values, row_values

FaultHook = Callable[[str], None]
"""Called with the name of a point in the commit; what it raises happens there. For tests."""

Encoded = tuple[str, int, str]
"""An event as stored: type, schema version, data."""


@dataclass(frozen=True, slots=True)
class Write:
    """One append, its events already written as JSON."""

    append: Append
    encoded: tuple[Encoded, ...]


_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_PAYMENT = (
    f"INSERT INTO payments ({ROW_COLUMNS}, version) "  # noqa: S608 - constant columns
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE_PAYMENT = (
    "UPDATE payments SET version = ?, state = ?, in_doubt = ?, has_incident = ?, captured_minor = ?, "
    "refunded_minor = ?, gateway = ?, updated_at = ?, wake_at = ? WHERE payment_id = ?"
)


class Writer:
    """Commits batches. Every method runs on the connection's own thread."""

    def __init__(self, database: sqlite3.Connection, *, epoch: int, faults: FaultHook | None) -> None:
        self._database = database
        self._epoch = epoch
        self._faults = faults if faults is not None else _no_fault
        last = database.execute("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1").fetchone()
        self._tail: tuple[int, bytes] = (0, GENESIS) if last is None else last

    def commit(self, writes: Sequence[Write], recorded_at_us: int) -> list[int | BaseException]:
        """Write all that fit in one transaction; return each one's new version, or why it was not written.

        Raises:
            FencedError: another engine owns the file now; nothing was written.
            StoreUnavailableError: nothing was written.
            CommitUnknownError: perhaps written.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            batch = self._write(writes, recorded_at_us)
            self._faults("before_commit")
        except FencedError:
            self._roll_back()
            raise
        except (sqlite3.Error, OSError) as error:
            self._roll_back()
            raise StoreUnavailableError(f"nothing was written: {error}") from error
        self._finish()
        self._tail = batch.tail
        return batch.answers

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run one statement durably and return its rows.

        Raises:
            StoreUnavailableError: it failed; nothing was written.
        """
        try:
            self._check_epoch()
            return self._database.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"nothing was written: {error}") from error

    def _finish(self) -> None:
        try:
            self._database.execute("COMMIT")
            self._faults("after_commit")
        except (sqlite3.Error, OSError) as error:
            if self._database.in_transaction:
                self._roll_back()
                raise StoreUnavailableError(f"nothing was written: {error}") from error
            self._read_tail()
            raise CommitUnknownError(f"the commit failed half-way: {error}") from error

    def _read_tail(self) -> None:
        last = self._database.execute("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1").fetchone()
        self._tail = (0, GENESIS) if last is None else last

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def _check_epoch(self) -> None:
        if read_epoch(self._database) != self._epoch:
            raise FencedError("another engine has taken this database over")

    def _write(self, writes: Sequence[Write], recorded_at_us: int) -> _Batch:
        self._check_epoch()
        batch = _Batch(self._database, self._tail, recorded_at_us)
        for write in writes:
            batch.add(write)
        batch.flush()
        return batch


class _Batch:
    """The rows of one transaction, gathered before they are written."""

    def __init__(self, database: sqlite3.Connection, tail: tuple[int, bytes], recorded_at_us: int) -> None:
        self._database = database
        self._recorded_at_us = recorded_at_us
        self._versions: dict[str, int] = {}
        self._events: list[tuple[Any, ...]] = []
        self._payments: dict[str, tuple[bool, tuple[Any, ...]]] = {}
        self.tail = tail
        self.answers: list[int | BaseException] = []

    def add(self, write: Write) -> None:
        append = write.append
        actual = self._version(append.payment_id)
        if actual != append.expected_version:
            self.answers.append(
                VersionConflictError(payment_id=append.payment_id, expected=append.expected_version, actual=actual)
            )
            return
        version = actual
        for encoded in write.encoded:
            version += 1
            self._add_event(append.payment_id, version, encoded)
        self._versions[append.payment_id] = version
        self._add_payment(append, version, is_new=actual == 0)
        self.answers.append(version)

    def flush(self) -> None:
        self._database.executemany(_INSERT_EVENT, self._events)
        new = [values for is_new, values in self._payments.values() if is_new]
        changed = [values for is_new, values in self._payments.values() if not is_new]
        if new:
            self._database.executemany(_INSERT_PAYMENT, new)
        if changed:
            self._database.executemany(_UPDATE_PAYMENT, changed)

    def _version(self, payment_id: str) -> int:
        known = self._versions.get(payment_id)
        if known is not None:
            return known
        found = self._database.execute("SELECT version FROM payments WHERE payment_id = ?", (payment_id,)).fetchone()
        return 0 if found is None else int(found[0])

    def _add_payment(self, append: Append, version: int, *, is_new: bool) -> None:
        earlier = self._payments.get(append.payment_id)
        if is_new or (earlier is not None and earlier[0]):
            self._payments[append.payment_id] = (True, (*row_values(append.row), version))
        else:
            self._payments[append.payment_id] = (False, changed_values(append.row, version))

    def _add_event(self, payment_id: str, version: int, encoded: Encoded) -> None:
        event_type, schema_version, data = encoded
        position = self.tail[0] + 1
        digest = link(
            self.tail[1],
            position=position,
            payment_id=payment_id,
            version=version,
            event_type=event_type,
            schema_version=schema_version,
            recorded_at_us=self._recorded_at_us,
            data=data,
        )
        self.tail = (position, digest)
        self._events.append(
            (position, payment_id, version, event_type, schema_version, data, self._recorded_at_us, digest)
        )


def _no_fault(_point: str) -> None:
    """Let the commit go on."""
