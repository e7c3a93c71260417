"""What becomes of a try: books, schedule and outage put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aegispay.domain.deliveries.outage import Outage
from aegispay.domain.deliveries.schedule import WISH_MAX_S
from aegispay.log import logger
from aegispay.outbox.definition import Definition, DeliveryContext
from aegispay.outbox.lanes import Job, Unreadable
from aegispay.outbox.ledger import Ledger
from aegispay.outbox.running import Failed, kind_of
from aegispay.outbox.tally import Tally


@dataclass(slots=True)
class Judge:
    """Enters what came of each try.

    Attributes:
        outage: what the last tries say about the consumer.
    """

    definition: Definition
    ledger: Ledger
    tally: Tally
    outage: Outage = field(default_factory=Outage)

    def delivered(self, job: Job, now: datetime) -> None:
        """The try succeeded."""
        self.ledger.delivered(job, now)
        self.tally.delivered += 1
        self.tally.done_at = now
        if self.outage.is_paused:
            self._log().info("subscription_resumed", subscriber=self.definition.name)
        self.outage = Outage()

    def failed(self, job: Job, context: DeliveryContext, failure: Failed, now: datetime) -> None:
        """The try was in vain: again later, or never."""
        definition, stored = self.definition, context.stored
        wish_s = min(max(0.0, failure.wish_s or 0.0), WISH_MAX_S)
        self._count(failure.error)
        # While the consumer is down, a try in vain says nothing about the event: it uses none of its tries up.
        is_down = self.outage.is_paused
        tries = job.tries + (not is_down)
        delay = definition.schedule.delay_after(max(1, tries), subscriber=definition.name, event_id=stored.event_id)
        if is_down and delay is None:
            delay = timedelta(0)
        if delay is not None and failure.wish_s is not None:
            # Somebody who says "soon" each time would otherwise use up in minutes what was to last for days.
            delay = max(delay, timedelta(seconds=wish_s))
        due_at = None if delay is None else now + delay
        self.ledger.failed(job, tries=tries, due_at=due_at, error=failure.error, at=now)
        log = self._log().warning if due_at is not None else self._log().error
        log(
            "delivery_failed" if due_at is not None else "delivery_dead",
            payment_id=stored.payment_id,
            subscriber=definition.name,
            event_id=stored.event_id,
            type=stored.event.type.value,
            tries=tries,
            due_at=None if due_at is None else due_at.isoformat(),
            error=kind_of(failure.error),
        )
        self._note_outage(stored.payment_id, now, wish_s)

    def unreadable(self, job: Job, event: Unreadable, now: datetime) -> None:
        """The event cannot be read: it is a dead letter at once, and the consumer is not to blame."""
        self._count(event.error)
        self.ledger.failed(job, tries=job.tries, due_at=None, error=event.error, at=now)
        self._log().error(
            "delivery_dead",
            payment_id=event.payment_id,
            subscriber=self.definition.name,
            event_id=event.event_id,
            type="unknown" if event.type is None else event.type.value,
            tries=job.tries,
            due_at=None,
            error=kind_of(event.error),
        )

    def disabled(self, job: Job, cause: str, now: datetime) -> None:
        """The consumer wants nothing any more: the event is owed for the day it is enabled."""
        self._count(cause)
        self.ledger.failed(job, tries=job.tries, due_at=now, error=cause, at=now)

    def _count(self, error: str) -> None:
        self.tally.failed += 1
        self.tally.last_error = error

    def _note_outage(self, payment_id: str, now: datetime, wish_s: float) -> None:
        was_paused = self.outage.is_paused
        self.outage = self.outage.failed(
            payment_id,
            at=now,
            pause_after=self.definition.pause_after,
            subscriber=self.definition.name,
            wish_s=wish_s,
        )
        if self.outage.is_paused and not was_paused:
            self._log().error(
                "subscription_paused", subscriber=self.definition.name, error=kind_of(self.tally.last_error)
            )

    @staticmethod
    def _log() -> Any:
        return logger("aegispay.outbox")
