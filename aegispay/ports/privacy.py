"""The part of an event store that forgets customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What is left of a customer after an erasure.

    Attributes:
        payment_ids: all payments of the customer.
        events: events of these whose personal data cannot be read any more.
        plain_events: events whose personal data can still be read: an older version wrote them in the open.
        is_swept: whether nothing is left in the store's working files either; if not, erasing again sweeps again.
    """

    payment_ids: tuple[str, ...]
    events: int
    plain_events: int
    is_swept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """That a customer was erased.

    Attributes:
        customer_id: the merchant's own, which says nothing to anybody else.
        at: when, aware UTC.
        operator, reason: who had it done, and why.
    """

    merchant: str
    customer_id: str
    at: datetime
    operator: str
    reason: str


class PrivacyStore(Protocol):
    """Every method may raise `StoreError`."""

    async def erase_customer(self, customer_id: str, *, merchant: str, operator: str, reason: str) -> Erasure:
        """Make the personal data of a customer's payments unreadable, durably, for ever. Idempotent.

        Later payments of the same customer are kept as those of a new one.

        Raises:
            CustomerBusyError: a payment of the customer is unfinished; nothing was erased.
            StoreUnavailableError: nothing was erased.
            CommitUnknownError: perhaps erased; erase again.
        """
        ...

    async def erasures(self, *, limit: int = 100) -> tuple[ErasureRecord, ...]:
        """Return what was erased, newest first."""
        ...
