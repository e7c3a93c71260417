"""The port to the log of events and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from aegispay.domain.events import Event
from aegispay.domain.notification import Notification
from aegispay.domain.projection import PaymentRow
from aegispay.domain.state import PaymentState
from aegispay.ports.audit import AuditStore
from aegispay.ports.configuration import ConfigurationRecord
from aegispay.ports.marks import Mark
from aegispay.ports.outbox import OutboxStore
from aegispay.ports.privacy import PrivacyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One atomic write to one payment's stream.

    Attributes:
        expected_version: number of events the writer has seen; 0 for a new payment.
        events: at least one.
        row: the payment after these events.
        marks: counts that these events make; if one would break a limit, nothing is written. Each key at most once.
    """

    payment_id: str
    expected_version: int
    events: Sequence[Event]
    row: PaymentRow
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no store could write: it would be a row without events, or another payment's."""
        if not self.events:
            raise ValueError(f"{self.payment_id}: an append has at least one event")
        if self.row.payment_id != self.payment_id:
            raise ValueError(f"{self.payment_id}: the row stands for {self.row.payment_id}")
        if self.marks and len({mark.key for mark in self.marks}) < len(self.marks):
            raise ValueError(f"{self.payment_id}: an append marks each key at most once")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as it lies in the log.

    Attributes:
        position: place in the whole log, gap-free from 1.
        version: place in the payment's stream, gap-free from 1.
        hash: over this event and its predecessor's hash; hexadecimal.
    """

    position: int
    payment_id: str
    version: int
    event: Event
    recorded_at: datetime
    hash: str

    @property
    def event_id(self) -> str:
        """A stable id: the same however often the event is delivered."""
        return f"{self.payment_id}-{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentQuery:
    """Which payments to list: every given field must match; newest first.

    Attributes:
        created_after: inclusive. created_before: exclusive.
        limit: page size, 1 to 1,000.
        after: cursor of the previous page, as its `next_cursor` said.
    """

    merchant: str | None = None
    state: PaymentState | None = None
    customer_id: str | None = None
    gateway: str | None = None
    currency: str | None = None
    in_doubt: bool | None = None
    has_incident: bool | None = None
    parked: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    limit: int = 100
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """One page of rows.

    Attributes:
        next_cursor: pass as `after` for the next page; ``None`` on the last.
    """

    rows: tuple[PaymentRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """Why and since when a payment is parked.

    Attributes:
        is_review: a hook wants a person to decide about it; otherwise its actor kept crashing.
    """

    payment_id: str
    cause: str
    parked_at: datetime
    is_review: bool = False


class Receipt(StrEnum):
    """What became of a notification that was offered to the inbox."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """A verified notification on its way to its payment.

    Attributes:
        digest: SHA-256 over what it says: the same id with another digest is a conflict.
        tries: how often it was offered to its payment in vain.
        due_at: when to offer it next.
    """

    gateway: str
    notification: Notification
    digest: str
    received_at: datetime
    tries: int = 0
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """Open questions over all payments.

    Attributes:
        payments: how many payments have a charge or an operation whose outcome is not known.
        oldest_since: since when the oldest of them has been open.
        incidents: how many payments have an open incident.
    """

    payments: int
    oldest_since: datetime | None
    incidents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """What `EventStore.verify` found.

    Attributes:
        problems: one sentence each, naming position, payment and what is wrong; empty when the log is sound.
        head: hash of the last event, which stands for all before it; hexadecimal, empty for an empty log.
    """

    events: int
    payments: int
    problems: tuple[str, ...] = field(default=())
    head: str = ""


class EventStore(OutboxStore, AuditStore, PrivacyStore, Protocol):
    """The log of events, the table of payments and what belongs to them.

    Every method may raise `StoreError`. `append` distinguishes what the caller must know:
    `VersionConflictError`, `LimitReachedError`, `FencedError` and `StoreUnavailableError` mean surely not written,
    `CommitUnknownError` means perhaps written.
    """

    @property
    def salt(self) -> bytes:
        """Secret of this store from which payment ids are derived; 32 bytes, made once."""
        ...

    async def open(self) -> None:
        """Take ownership. Raises `StoreOpenError` and its kinds."""
        ...

    async def close(self) -> None:
        """Finish waiting appends and give ownership back. Idempotent."""
        ...

    async def append(self, append: Append) -> int:
        """Write the events, the row and the marks in one durable transaction; return the stream's new version."""
        ...

    async def count_marks(self, keys: Sequence[str], *, since: datetime) -> dict[str, int]:
        """Return how many marks each of these keys has after `since`, those later than now included."""
        ...

    async def load(self, payment_id: str, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        """Return the payment's events in order; empty when there is no such payment."""
        ...

    async def load_many(self, payment_ids: Sequence[str]) -> dict[str, tuple[StoredEvent, ...]]:
        """Return the events of several payments in one go."""
        ...

    async def read_all(self, *, after: int = 0, limit: int = 1000) -> tuple[StoredEvent, ...]:
        """Return events of all payments in the order of the log, from position `after` + 1."""
        ...

    async def list_payments(self, query: PaymentQuery) -> RowPage:
        """Return a page of rows, newest first."""
        ...

    async def due(self, at: datetime, *, limit: int = 500) -> tuple[str, ...]:
        """Return ids of unparked payments whose `wake_at` is at or before `at`, oldest first."""
        ...

    async def unfinished(self, *, due_by: datetime | None = None) -> tuple[str, ...]:
        """Return ids of unparked payments that were being processed (authenticated or processing).

        Whoever has to be looked at first comes first. Those whose `wake_at` is after `due_by` are left out.
        """
        ...

    async def count_states(self) -> dict[PaymentState, int]:
        """Return how many payments are in each state."""
        ...

    async def recoveries(self) -> dict[str, int]:
        """Return how many attempts to recover each payment has had since its last success, where there were any."""
        ...

    async def begin_recoveries(self, payment_ids: Sequence[str]) -> dict[str, int]:
        """Count, durably and in one transaction, one more attempt to recover each of these payments.

        Returns:
            How many attempts each has had since its last success, this one included.
        """
        ...

    async def end_recovery(self, payment_id: str) -> None:
        """Reset the count: the payment was recovered."""
        ...

    async def park(self, parking: Parking) -> None:
        """Set the payment aside. Idempotent."""
        ...

    async def unpark(self, payment_id: str) -> None:
        """Let the payment go on and reset its recovery count. Idempotent."""
        ...

    async def parked(self) -> tuple[Parking, ...]:
        """Return everything that is parked, oldest first."""
        ...

    async def receive(self, entry: InboxEntry) -> Receipt:
        """Keep a notification, durably; one that is known by gateway and id is not kept again."""
        ...

    async def inbox_due(self, at: datetime, *, limit: int = 500) -> tuple[InboxEntry, ...]:
        """Return notifications not yet merged that are due at `at`, oldest first."""
        ...

    async def inbox_merged(self, gateway: str, notification_id: str) -> None:
        """Note that the payment has taken the notification in. Idempotent."""
        ...

    async def inbox_postpone(self, gateway: str, notification_id: str, *, due_at: datetime | None) -> None:
        """Count one more try in vain; offer it again at `due_at`, or never when that is ``None``."""
        ...

    async def doubts(self) -> Doubts:
        """Count what is in doubt or has an incident; takes time with their number, not with that of payments."""
        ...

    async def save_gateway(self, name: str, data: str) -> None:
        """Keep a gateway's breaker and health, as JSON, for the next start."""
        ...

    async def load_gateways(self) -> dict[str, str]:
        """Return what `save_gateway` kept, by gateway name."""
        ...

    async def save_configuration(self, record: ConfigurationRecord) -> bool:
        """Keep a revision, durably, if it comes right behind the latest one; return whether it did."""
        ...

    async def load_configuration(self, revision: int | None = None) -> ConfigurationRecord | None:
        """Return a revision, the latest one for ``None``; ``None`` if there is none."""
        ...

    async def list_configurations(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[ConfigurationRecord, ...]:
        """Return revisions, newest first, from the one before `before`."""
        ...
