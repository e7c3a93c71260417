"""The simulated provider's own books: what it really charged, whatever anybody was told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One request the provider carried out: charged, or declined for good.

    Attributes:
        reference: the caller's name for the attempt.
        is_charged: whether money moved; a declined request is kept too, so that a resend gets the same answer.
        answer: how the provider answered, in its own words.
    """

    gateway: str
    reference: str
    idempotency_key: str
    digest: str
    payment_id: str
    amount_minor: int
    currency: str
    is_charged: bool
    answer: str


class Ledger(Protocol):
    """Where a simulated provider keeps its entries."""

    def find_key(self, gateway: str, idempotency_key: str) -> LedgerEntry | None:
        """Return the entry made under this key."""
        ...

    def find_reference(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return the entry made for this reference."""
        ...

    def add(self, entry: LedgerEntry) -> None:
        """Write an entry; durable when this returns."""
        ...

    def entries(self) -> Iterator[LedgerEntry]:
        """Return everything, in order."""
        ...


def charged_minor(ledger: Ledger, payment_id: str) -> int:
    """Return what all gateways together really charged for a payment, in minor units."""
    return sum(e.amount_minor for e in ledger.entries() if e.payment_id == payment_id and e.is_charged)


def charges(ledger: Ledger) -> dict[str, list[LedgerEntry]]:
    """Return the real charges of every payment that has any."""
    found: dict[str, list[LedgerEntry]] = {}
    for entry in ledger.entries():
        if entry.is_charged:
            found.setdefault(entry.payment_id, []).append(entry)
    return found


class MemoryLedger:
    """Books that live as long as the process."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []
        self._by_key: dict[tuple[str, str], LedgerEntry] = {}
        self._by_reference: dict[tuple[str, str], LedgerEntry] = {}

    def find_key(self, gateway: str, idempotency_key: str) -> LedgerEntry | None:
        """Return the entry made under this key."""
        return self._by_key.get((gateway, idempotency_key))

    def find_reference(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return the entry made for this reference."""
        return self._by_reference.get((gateway, reference))

    def add(self, entry: LedgerEntry) -> None:
        """Write an entry."""
        self._entries.append(entry)
        self._by_key[entry.gateway, entry.idempotency_key] = entry
        self._by_reference[entry.gateway, entry.reference] = entry

    def entries(self) -> Iterator[LedgerEntry]:
        """Return everything, in order."""
        return iter(tuple(self._entries))


_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    position INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    reference TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    is_charged INTEGER NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_key ON ledger (gateway, idempotency_key);
CREATE INDEX IF NOT EXISTS ledger_reference ON ledger (gateway, reference);
"""
_COLUMNS = "gateway, reference, idempotency_key, digest, payment_id, amount_minor, currency, is_charged, answer"


class ForeignFileError(Exception):
    """The file is a database, but no provider's books; nothing was written to it."""


class FileLedger:
    """Books in a SQLite file of their own, so that they outlive the engine's process.

    Writes survive the death of the process, not of the machine: a provider has its own machines.

    Raises:
        sqlite3.Error: the file cannot be opened or is no SQLite database.
        ForeignFileError: it holds something else.
    """

    def __init__(self, path: str | Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
        except BaseException:
            self._database.close()
            raise

    def _prepare(self, path: str | Path) -> None:
        names = {row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and names != {"ledger"}:
            raise ForeignFileError(f"{path} is a SQLite database of something else")
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def find_key(self, gateway: str, idempotency_key: str) -> LedgerEntry | None:
        """Return the entry made under this key."""
        return self._find("idempotency_key", gateway, idempotency_key)

    def find_reference(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return the entry made for this reference."""
        return self._find("reference", gateway, reference)

    def add(self, entry: LedgerEntry) -> None:
        """Write an entry."""
        self._database.execute(
            f"INSERT INTO ledger ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant columns
            (
                entry.gateway,
                entry.reference,
                entry.idempotency_key,
                entry.digest,
                entry.payment_id,
                entry.amount_minor,
                entry.currency,
                entry.is_charged,
                entry.answer,
            ),
        )

    def entries(self) -> Iterator[LedgerEntry]:
        """Return everything, in order."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM ledger ORDER BY position")  # noqa: S608 - constant columns
        return map(_entry, rows.fetchall())

    def _find(self, column: str, gateway: str, value: str) -> LedgerEntry | None:
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM ledger WHERE gateway = ? AND {column} = ?",  # noqa: S608 - constant columns
            (gateway, value),
        ).fetchone()
        return None if row is None else _entry(row)


def _entry(row: tuple[str, str, str, str, str, int, str, int, str]) -> LedgerEntry:
    gateway, reference, key, digest, payment_id, amount_minor, currency, is_charged, answer = row
    return LedgerEntry(
        gateway=gateway,
        reference=reference,
        idempotency_key=key,
        digest=digest,
        payment_id=payment_id,
        amount_minor=amount_minor,
        currency=currency,
        is_charged=bool(is_charged),
        answer=answer,
    )
