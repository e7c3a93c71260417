"""What an auditor asks a store for: events exactly as they are kept, and sums over many payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from aegispay.domain.state import PaymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event exactly as it is kept, with what its place in the chain can be checked by.

    Attributes:
        position: place in the whole log. version: place in the payment's stream.
        data: the content to the letter; the hash is over its UTF-8.
        previous_hash: of the event before it in the log, 64 zeros for the first. hash: its own. Hexadecimal.
    """

    position: int
    payment_id: str
    version: int
    type: str
    schema_version: int
    data: str
    recorded_at: datetime
    previous_hash: str
    hash: str


class GroupBy(StrEnum):
    """What payments can be grouped by in statistics."""

    MERCHANT = "merchant"
    STATE = "state"
    GATEWAY = "gateway"
    """Where the payment was last tried; none where it came to no attempt."""
    CURRENCY = "currency"
    CUSTOMER = "customer"
    METHOD = "method"
    HOUR = "hour"
    """The hour of UTC in which the payment was created."""
    DAY = "day"
    """The day of UTC in which the payment was created."""


GROUPS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsQuery:
    """Which payments to count, and in which groups. Amounts are never added over currencies: each has its own groups.

    Attributes:
        by: each at most once; the currency is always one of them.
        merchant, state, customer_id, gateway, currency, in_doubt, has_incident: every given one must match.
        created_after: inclusive. created_before: exclusive.
        limit: most groups, 1 to `GROUPS_MAX`.
    """

    by: tuple[GroupBy, ...] = ()
    merchant: str | None = None
    state: PaymentState | None = None
    customer_id: str | None = None
    gateway: str | None = None
    currency: str | None = None
    in_doubt: bool | None = None
    has_incident: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    limit: int = 1_000

    @property
    def dimensions(self) -> tuple[GroupBy, ...]:
        """What the groups differ in: `by`, and the currency."""
        return self.by if GroupBy.CURRENCY in self.by else (*self.by, GroupBy.CURRENCY)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsRow:
    """The payments of one group.

    Attributes:
        group: the value of each dimension, by its name; hours and days are aware UTC, what a payment has not is
            ``None``.
        payments: how many: `succeeded`, `failed`, `cancelled` and `unfinished` together.
        succeeded: approved by a gateway: authorized or captured, refunded ones included.
        in_doubt: of them, those with a charge or operation whose outcome is not known.
        incidents: of them, those with an open incident.
        amount_minor: asked for. captured_minor: collected. refunded_minor: returned. In minor units of the currency.
    """

    group: Mapping[str, str | datetime | None] = field(default_factory=dict)
    payments: int
    succeeded: int
    failed: int
    cancelled: int
    unfinished: int
    in_doubt: int
    incidents: int
    amount_minor: int
    captured_minor: int
    refunded_minor: int

    @property
    def currency(self) -> str:
        """Of the amounts; ISO 4217."""
        return str(self.group[GroupBy.CURRENCY])

    @property
    def success_rate(self) -> float | None:
        """Succeeded of those that succeeded or failed, 0.0 to 1.0; ``None`` while there are none."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


SUCCEEDED = frozenset(
    {PaymentState.AUTHORIZED, PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED}
)
"""What counts as succeeded in statistics."""


class AuditStore(Protocol):
    """The part of an event store that an auditor reads. Every method may raise `StoreError`."""

    async def records(self, payment_id: str) -> tuple[EventRecord, ...]:
        """Return the payment's events exactly as they are kept, in order; empty when there is no such payment."""
        ...

    async def statistics(self, query: StatisticsQuery) -> tuple[StatisticsRow, ...]:
        """Count payments by groups, ordered by the values of the groups, those without a value first.

        Raises:
            ValidationError: there are more groups than the query's limit.
        """
        ...
