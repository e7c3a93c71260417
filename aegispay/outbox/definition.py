"""What a subscription is made of, whoever is on the other side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.outbox.transaction import EventTransaction
from aegispay.ports import StoredEvent
from aegispay.ports.outbox import SubscriberKind, WebhookAttempt

Start = Literal["start", "now"] | int
"""Where a name begins that was never used: at the first event, behind the last one, or behind a position."""


class RetryAfter(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised by a handler: the try failed, and the next one must not come before so many seconds have passed.

    It is a try in vain like any other. A wish of more than a day is cut to a day.
    """

    def __init__(self, delay_s: float, cause: str = "") -> None:
        self.delay_s = delay_s
        super().__init__(cause or f"come again in {delay_s:g} s")


class Disable(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised by a handler: nothing must be handed on any more, this event included, until somebody enables it again.

    The event stays owed: it is tried first when the subscriber is enabled.
    """


@dataclass(slots=True)
class DeliveryContext:
    """One try to hand one event on.

    Attributes:
        subscriber: its name. stored: the event.
        tries: how often it was tried in vain before.
        transaction: for transactional subscribers, where their statements go.
        attempts: lines for the delivery log, written with what becomes of this try.
    """

    subscriber: str
    stored: StoredEvent
    tries: int = 0
    transaction: EventTransaction | None = None
    attempts: list[WebhookAttempt] = field(default_factory=list)

    def note(self, attempt: WebhookAttempt) -> None:
        """Add a line to the delivery log, whether the try succeeds or not."""
        self.attempts.append(attempt)


Handler = Callable[[DeliveryContext], Awaitable[None]]
"""Hands one event on. Returning means delivered; `RetryAfter`, `Disable` or any other exception means not."""


_SCHEDULE = RetrySchedule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A subscription as its owner wants it; given anew at each start, never stored.

    Attributes:
        name: under which the cursor is kept.
        interests: which events; the others are passed over.
        schedule: what follows a try in vain.
        ordered: whether an event of a payment waits until those before it are delivered, retries and dead letters
            included. Otherwise only first tries keep their order, as far as one is ended when the next begins.
        concurrency: payments whose events are handled at the same time; 1 for transactional subscribers.
        timeout_s: a try that takes longer has failed.
        pause_after: so many payments failing one after the other mean that the consumer is down: the subscription
            pauses, and tries one event now and then, until one succeeds.
        start_at: where to begin; counts only when the name is new.
        close: called once when the subscription ends with the engine or is removed.
    """

    name: str
    kind: SubscriberKind
    interests: Interests
    handler: Handler
    schedule: RetrySchedule = _SCHEDULE
    ordered: bool = True
    concurrency: int = 16
    timeout_s: float = 30.0
    pause_after: int = 5
    start_at: Start = "now"
    close: Callable[[], Awaitable[None]] | None = None
