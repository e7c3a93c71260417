"""How far each subscriber has read the log, and what it still owes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class SubscriberKind(StrEnum):
    """Who is on the other side."""

    HANDLER = "handler"
    TRANSACTIONAL = "transactional"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A name under which events are handed on, and how far that has got.

    Attributes:
        position: every event up to here is delivered, was not wanted, or stands among the deliveries.
        since: when the name was first used.
        disabled: why nothing is handed on any more; empty while it is.
    """

    name: str
    kind: SubscriberKind
    position: int
    since: datetime
    disabled: str = ""


class DeliveryState(StrEnum):
    """What will become of a delivery."""

    WAITING = "waiting"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event that a subscriber's position has passed and that is not delivered yet.

    Attributes:
        position: of the event in the log.
        state: ``dead`` for a dead letter: nothing happens to it until an operator says what.
        tries: how often it was handed over in vain, without those times when the consumer as a whole was down.
        due_at: when to try next; ``None`` while an earlier event of the same payment has to be delivered first, and for
            a dead letter.
        error: why the last try failed: the kind of error and its words, masked, at most 500 characters.
        failed_at: when the last try failed.
    """

    subscriber: str
    position: int
    payment_id: str
    state: DeliveryState = DeliveryState.WAITING
    tries: int = 0
    due_at: datetime | None = None
    error: str = ""
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAttempt:
    """One request to a webhook endpoint, for the delivery log.

    Attributes:
        endpoint: its name. position: of the event in the log.
        status: HTTP status; ``None`` when there was no answer.
        latency_s: until the answer, or until it was given up.
        error: why there was no good answer; empty for a success.
    """

    endpoint: str
    position: int
    event_id: str
    at: datetime
    status: int | None
    latency_s: float
    error: str = ""


Effect = tuple[str, tuple[Any, ...]]
"""A statement of a transactional subscriber, and its parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One atomic change to what one subscriber has got and still owes.

    Attributes:
        expected_position: where its position has to stand for the change to be made.
        position: where it stands afterwards.
        put: deliveries to add, or to write over those of the same event.
        done: events whose deliveries are to be removed; each has to be there for the change to be made.
        effects: statements that are executed in the same transaction, before everything else.
        attempts: lines for the delivery log.
    """

    subscriber: str
    expected_position: int
    position: int
    put: tuple[Delivery, ...] = ()
    done: tuple[int, ...] = ()
    effects: tuple[Effect, ...] = ()
    attempts: tuple[WebhookAttempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCounts:
    """How many deliveries a subscriber has of each state."""

    waiting: int = 0
    dead: int = 0


class OutboxStore(Protocol):
    """The part of an event store that keeps subscribers. Every method may raise `StoreError`."""

    async def end_position(self) -> int:
        """Return the position of the last event in the log; 0 for an empty one."""
        ...

    async def add_subscriber(self, subscriber: Subscriber) -> Subscriber:
        """Keep a new subscriber, durably; return what is kept under its name, which may be an earlier one."""
        ...

    async def subscribers(self) -> tuple[Subscriber, ...]:
        """Return all subscribers, by name."""
        ...

    async def disable_subscriber(self, name: str, cause: str) -> None:
        """Note why nothing is handed on to it any more; an empty cause enables it again. Idempotent."""
        ...

    async def remove_subscriber(self, name: str) -> None:
        """Forget a subscriber, its deliveries and its delivery log. Idempotent."""
        ...

    async def advance(self, progress: Progress) -> bool:
        """Make the change in one durable transaction.

        Returns:
            Whether it was made: not when the position stands elsewhere or a delivery that is done is not there.

        Raises:
            EffectsRefusedError: a statement failed; nothing was written.
            StoreUnavailableError: nothing was written.
            CommitUnknownError: perhaps written; read the subscriber again to know.
        """
        ...

    async def deliveries(
        self,
        *,
        subscriber: str | None = None,
        state: DeliveryState | None = None,
        payment_id: str | None = None,
        after: tuple[str, int] = ("", 0),
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Return deliveries by subscriber and position, from behind `after`."""
        ...

    async def due_deliveries(self, subscriber: str, at: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Return waiting deliveries that are due at `at`, longest due first."""
        ...

    async def next_due(self, subscriber: str) -> datetime | None:
        """Return when the subscriber's next delivery is due."""
        ...

    async def count_deliveries(self) -> Mapping[str, DeliveryCounts]:
        """Return how many deliveries each subscriber has, where it has any."""
        ...

    async def webhook_attempts(
        self, endpoint: str, *, before: int | None = None, limit: int = 100
    ) -> Sequence[tuple[int, WebhookAttempt]]:
        """Return numbered lines of the delivery log, newest first, from the one before `before`."""
        ...

    async def prune_webhook_attempts(self, before: datetime) -> None:
        """Forget lines of the delivery log that are older than this."""
        ...

    async def make_tables(self, statements: Sequence[str]) -> None:
        """Execute what makes a transactional subscriber's own tables, durably, one after the other.

        Raises:
            EffectsRefusedError: a statement makes no table or index, or is wrong; those before it were executed.
        """
        ...

    def compile_effect(self, statement: str, parameters: tuple[Any, ...]) -> None:
        """Check a transactional subscriber's statement without executing it. Blocking, quick, from any thread.

        Raises:
            EffectsRefusedError: it does not compile, or it touches more than the subscriber's own tables.
        """
        ...

    def query(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a reading statement. Blocking, from any thread.

        Raises:
            EffectsRefusedError: it does not compile, or it writes.
        """
        ...
