"""A provider's books in a SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from aegispay.gateways.entry import EntryKind, EntryStatus, LedgerEntry

FORMAT = 2
"""Version of the file's format, kept as SQLite's `user_version`; the first one had none and knew charges only."""

_SCHEMA = (
    """
    CREATE TABLE ledger (
        position INTEGER PRIMARY KEY,
        gateway TEXT NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        reference TEXT NOT NULL,
        charge_reference TEXT NOT NULL,
        idempotency_key TEXT NOT NULL,
        digest TEXT NOT NULL,
        payment_id TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,
        currency TEXT NOT NULL,
        is_final INTEGER NOT NULL,
        at TEXT NOT NULL,
        answer TEXT NOT NULL
    )
    """,
    "CREATE INDEX ledger_by_key ON ledger (gateway, idempotency_key)",
    "CREATE INDEX ledger_by_reference ON ledger (gateway, reference)",
    "CREATE INDEX ledger_by_payment ON ledger (payment_id)",
    f"PRAGMA user_version = {FORMAT}",
)
_FROM_FORMAT_1 = """
    INSERT INTO ledger
    SELECT position, gateway, 'charge', CASE is_charged WHEN 0 THEN 'refused' ELSE 'done' END, reference, reference,
        idempotency_key, digest, payment_id, amount_minor, currency, 0, ?, answer
    FROM ledger_1
"""
_FIELDS = tuple(field.name for field in fields(LedgerEntry))
_VALUES = attrgetter(*_FIELDS)
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO ledger ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608 - constants
_SELECT = f"SELECT {_COLUMNS} FROM ledger"  # noqa: S608 - constant columns


class ForeignFileError(Exception):
    """The file is a database, but no provider's books, or those of a newer version; nothing was written to it."""


class FileLedger:
    """Books in a SQLite file of their own, so that they outlive the engine's process.

    Writes survive the death of the process, not of the machine: a provider has its own machines. A file of an earlier
    version is brought to the present format when it is opened.

    Raises:
        sqlite3.Error: the file cannot be opened or is no SQLite database.
        ForeignFileError: it holds something else, or was written by a newer version.
    """

    def __init__(self, path: str | Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Return a context in which no other thread or process writes; all that is added in it is kept, or nothing."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def find_key(self, gateway: str, idempotency_key: str) -> LedgerEntry | None:
        """Return the latest entry made under this key."""
        return self._latest("idempotency_key", gateway, idempotency_key)

    def find_reference(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return the latest entry made for this reference."""
        return self._latest("reference", gateway, reference)

    def of_payment(self, payment_id: str) -> Sequence[LedgerEntry]:
        """Return one payment's entries at all gateways, in order."""
        rows = self._database.execute(f"{_SELECT} WHERE payment_id = ? ORDER BY position", (payment_id,))
        return [_entry(row) for row in rows.fetchall()]

    def add(self, entry: LedgerEntry) -> None:
        """Write an entry."""
        self._database.execute(_INSERT, _row(entry))

    def entries(self) -> Iterator[LedgerEntry]:
        """Return everything, in order."""
        return map(_entry, self._database.execute(f"{_SELECT} ORDER BY position").fetchall())

    def _latest(self, column: str, gateway: str, value: str) -> LedgerEntry | None:
        row = self._database.execute(
            f"{_SELECT} WHERE gateway = ? AND {column} = ? ORDER BY position DESC LIMIT 1", (gateway, value)
        ).fetchone()
        return None if row is None else _entry(row)

    def _prepare(self, path: str | Path) -> None:
        self._check(path)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        with self.transaction():
            if self._format() != FORMAT:
                self._create()

    def _check(self, path: str | Path) -> None:
        names = self._tables()
        if names and names != {"ledger"}:
            raise ForeignFileError(f"{path} is a SQLite database of something else")
        if self._format() > FORMAT:
            raise ForeignFileError(f"{path} was written by a newer version: upgrade AegisPay to read it")

    def _create(self) -> None:
        is_old = bool(self._tables())
        if is_old:
            self._database.execute("ALTER TABLE ledger RENAME TO ledger_1")
        for statement in _SCHEMA:
            self._database.execute(statement)
        if is_old:
            # When the old entries were made is not known: their keys go on to protect them from now.
            now = datetime.now(UTC)  # noqa: TID251 - the file's own time of migration
            self._database.execute(_FROM_FORMAT_1, (now.isoformat(),))
            self._database.execute("DROP TABLE ledger_1")

    def _format(self) -> int:
        number: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        return number

    def _tables(self) -> set[str]:
        return {row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _row(entry: LedgerEntry) -> tuple[Any, ...]:
    values: tuple[Any, ...] = _VALUES(entry)
    return tuple(value.isoformat() if type(value) is datetime else value for value in values)


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    values = dict(zip(_FIELDS, row, strict=True))
    values |= {
        "kind": EntryKind(values["kind"]),
        "status": EntryStatus(values["status"]),
        "is_final": bool(values["is_final"]),
        "at": datetime.fromisoformat(values["at"]),
    }
    return LedgerEntry(**values)
