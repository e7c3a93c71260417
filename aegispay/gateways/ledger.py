"""The simulated providers' own books: what really happened to money, whatever anybody was told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from aegispay.gateways.entry import EntryKind, EntryStatus, LedgerEntry
from aegispay.gateways.ledger_file import FileLedger, ForeignFileError

__all__ = [
    "EntryKind",
    "EntryStatus",
    "FileLedger",
    "ForeignFileError",
    "Ledger",
    "LedgerEntry",
    "MemoryLedger",
    "authorized_minor",
    "captured_minor",
    "charged_minor",
    "charges",
    "refunded_minor",
]


class Ledger(Protocol):
    """Where simulated providers keep their entries; one may serve several providers."""

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context in which nobody else reads or writes: what was found stays true until it is left."""
        ...

    def find_key(self, gateway: str, idempotency_key: str) -> LedgerEntry | None:
        """Return the latest entry made under this key."""
        ...

    def find_reference(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return the latest entry made for this reference."""
        ...

    def of_payment(self, payment_id: str) -> Sequence[LedgerEntry]:
        """Return one payment's entries at all gateways, in order."""
        ...

    def add(self, entry: LedgerEntry) -> None:
        """Write an entry; durable when this, or the transaction around it, ends."""
        ...

    def entries(self) -> Iterator[LedgerEntry]:
        """Return everything, in order."""
        ...


def captured_minor(ledger: Ledger, payment_id: str) -> int:
    """Return what all gateways together really took for a payment, by charges and by captures, in minor units."""
    return _done_minor(ledger, payment_id, EntryKind.CHARGE, EntryKind.CAPTURE)


charged_minor = captured_minor
"""The same, by the name that fits payments which are captured at once."""


def authorized_minor(ledger: Ledger, payment_id: str) -> int:
    """Return what all gateways together really authorized for later capture, released or not, in minor units."""
    return _done_minor(ledger, payment_id, EntryKind.AUTHORIZE)


def refunded_minor(ledger: Ledger, payment_id: str) -> int:
    """Return what all gateways together really gave back for a payment, in minor units."""
    return _done_minor(ledger, payment_id, EntryKind.REFUND)


def _done_minor(ledger: Ledger, payment_id: str, *kinds: EntryKind) -> int:
    entries = ledger.of_payment(payment_id)
    return sum(entry.amount_minor for entry in entries if entry.is_done and entry.kind in kinds)


def charges(ledger: Ledger) -> dict[str, list[LedgerEntry]]:
    """Return the real charges and captures of every payment that has any."""
    found: dict[str, list[LedgerEntry]] = {}
    for entry in ledger.entries():
        if entry.is_charged:
            found.setdefault(entry.payment_id, []).append(entry)
    return found


class MemoryLedger:
    """Books that live as long as the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: list[LedgerEntry] = []
        self._by_key: dict[tuple[str, str], LedgerEntry] = {}
        self._by_reference: dict[tuple[str, str], LedgerEntry] = {}
        self._by_payment: dict[str, list[LedgerEntry]] = {}

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context in which no other thread reads and writes."""
        return self._lock

    def find_key(self, gateway: str, idempotency_key: str) -> LedgerEntry | None:
        """Return the latest entry made under this key."""
        return self._by_key.get((gateway, idempotency_key))

    def find_reference(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return the latest entry made for this reference."""
        return self._by_reference.get((gateway, reference))

    def of_payment(self, payment_id: str) -> Sequence[LedgerEntry]:
        """Return one payment's entries at all gateways, in order."""
        return tuple(self._by_payment.get(payment_id, ()))

    def add(self, entry: LedgerEntry) -> None:
        """Write an entry."""
        self._entries.append(entry)
        self._by_key[entry.gateway, entry.idempotency_key] = entry
        self._by_reference[entry.gateway, entry.reference] = entry
        self._by_payment.setdefault(entry.payment_id, []).append(entry)

    def entries(self) -> Iterator[LedgerEntry]:
        """Return everything, in order."""
        return iter(tuple(self._entries))
