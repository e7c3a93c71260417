"""One line in a provider's books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryKind(StrEnum):
    """What a provider was asked to do."""

    AUTHORIZE = "authorize"
    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"

    @property
    def begins(self) -> bool:
        """Whether it begins a payment at the provider, rather than being about one."""
        return self in {EntryKind.AUTHORIZE, EntryKind.CHARGE}


class EntryStatus(StrEnum):
    """What came of it."""

    OPEN = "open"
    """Taken on and not decided: a later entry of the same reference says what became of it."""
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One request that reached the provider's books: carried out, refused for good, or still to be decided.

    Attributes:
        reference: the caller's name for the attempt or operation.
        charge_reference: the caller's name for the attempt it is about; for an attempt, its own.
        digest: SHA-256 over the request's body.
        amount_minor: minor units that were really moved, or are held until it is decided.
        is_final: for a capture, that nothing can be captured after it.
        at: when it was written, aware UTC.
        answer: how the provider answered, as JSON, kept so that a resend gets the same answer.
    """

    gateway: str
    kind: EntryKind
    status: EntryStatus
    reference: str
    charge_reference: str
    idempotency_key: str
    digest: str
    payment_id: str
    amount_minor: int
    currency: str
    is_final: bool = False
    at: datetime
    answer: str

    @property
    def is_done(self) -> bool:
        """Whether it was carried out."""
        return self.status is EntryStatus.DONE

    @property
    def is_charged(self) -> bool:
        """Whether it took money from the payer: a charge or a capture that was carried out."""
        return self.is_done and self.kind in {EntryKind.CHARGE, EntryKind.CAPTURE}
