"""The first routing decision of every payment in a database, read without writing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aegispay.actors.charging import routing_request
from aegispay.domain.enriched import enriched_request
from aegispay.domain.events import AttemptStarted, Event, PaymentCancelled, PaymentFailed, PaymentInitiated
from aegispay.domain.evolve import replay
from aegispay.domain.routing.rules_dry_run import PastChoice
from aegispay.ports import StoredEvent
from aegispay.storage.sqlite import SqliteStore

_PAGE = 1_000


async def read_past_choices(database: Path) -> AsyncIterator[PastChoice]:
    """Yield the first decision of every payment that came to an attempt, in the order of the log.

    Raises:
        StoreError: the database cannot be read.
    """
    store = SqliteStore(database, read_only=True)
    await store.open()
    waiting: dict[str, list[Event]] = {}
    position = 0
    try:
        while page := await store.read_all(after=position, limit=_PAGE):
            position = page[-1].position
            for stored in page:
                choice = _take(stored, waiting)
                if choice is not None:
                    yield choice
    finally:
        await store.close()


def _take(stored: StoredEvent, waiting: dict[str, list[Event]]) -> PastChoice | None:
    """Keep what happens before a payment's first attempt; with the attempt, return its decision."""
    payment_id, event = stored.payment_id, stored.event
    match event:
        case PaymentInitiated():
            waiting[payment_id] = [event]
        case AttemptStarted() if payment_id in waiting:
            return _choice(payment_id, waiting.pop(payment_id), event)
        case PaymentFailed() | PaymentCancelled():
            waiting.pop(payment_id, None)
        case _ if payment_id in waiting:
            waiting[payment_id].append(event)
    return None


def _choice(payment_id: str, before: list[Event], attempt: AttemptStarted) -> PastChoice:
    payment = replay(payment_id, before)
    assert payment is not None, "it begins with its first event"
    request = enriched_request(payment)
    return PastChoice(
        payment_id=payment_id,
        request=routing_request(request, at=attempt.at),
        decision=attempt.decision,
        gateway=attempt.gateway,
        names_strategy=request.strategy is not None,
    )
