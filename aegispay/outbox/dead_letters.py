"""Dead letters: deliveries that were given up, with the events they are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aegispay.delivery_errors import DeadLetterNotFoundError, UnreadableEventError
from aegispay.domain.card_data import shown
from aegispay.ports import EventStore, StoredEvent
from aegispay.ports.outbox import Delivery, DeliveryState, Progress

_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a subscriber does not get any more, unless somebody decides so.

    Attributes:
        position: of the event in the log. event_id: its stable id.
        stored: the event; ``None`` when it cannot be read.
        tries: how often it was handed over in vain.
        error: why the last try failed. failed_at: when.
    """

    subscriber: str
    position: int
    payment_id: str
    event_id: str
    stored: StoredEvent | None
    tries: int
    error: str
    failed_at: datetime | None


async def list_dead_letters(
    store: EventStore, subscriber: str | None, *, after: tuple[str, int], limit: int
) -> tuple[DeadLetter, ...]:
    """Return dead letters by subscriber and position, from behind `after`."""
    found = await store.deliveries(subscriber=subscriber, state=DeliveryState.DEAD, after=after, limit=limit)
    return tuple([await _with_event(store, delivery) for delivery in found])


async def find_dead_letter(store: EventStore, subscriber: str, event_id: str) -> DeadLetter:
    """Return one dead letter.

    Raises:
        DeadLetterNotFoundError: there is none of this subscriber and event.
    """
    payment_id, after = event_id.rpartition("-")[0], (subscriber, 0)
    while found := await store.deliveries(
        subscriber=subscriber, state=DeliveryState.DEAD, payment_id=payment_id, after=after, limit=_PAGE
    ):
        for delivery in found:
            letter = await _with_event(store, delivery)
            if letter.event_id == event_id:
                return letter
        after = (subscriber, found[-1].position)
    raise DeadLetterNotFoundError(f"{shown(subscriber)} has no dead letter of event {shown(event_id)}")


async def _with_event(store: EventStore, delivery: Delivery) -> DeadLetter:
    try:
        (stored,) = await store.read_all(after=delivery.position - 1, limit=1)
    except UnreadableEventError as error:
        return _dead_letter(delivery, error.event_id, None)
    return _dead_letter(delivery, stored.event_id, stored)


def _dead_letter(delivery: Delivery, event_id: str, stored: StoredEvent | None) -> DeadLetter:
    return DeadLetter(
        subscriber=delivery.subscriber,
        position=delivery.position,
        payment_id=delivery.payment_id,
        event_id=event_id,
        stored=stored,
        tries=delivery.tries,
        error=delivery.error,
        failed_at=delivery.failed_at,
    )


async def replay_in(store: EventStore, letter: DeadLetter, now: datetime) -> None:
    """Have a dead letter tried again by the next engine, as if it were new; no engine may have the store open.

    Raises:
        DeadLetterNotFoundError: it is gone, or its subscriber is.
        StoreError.
    """
    again = Delivery(subscriber=letter.subscriber, position=letter.position, payment_id=letter.payment_id, due_at=now)
    await _change(store, letter, put=(again,))


async def drop_in(store: EventStore, letter: DeadLetter) -> None:
    """Give a dead letter up; what is held behind it, the next engine hands on. No engine may have the store open.

    Raises:
        DeadLetterNotFoundError: it is gone, or its subscriber is.
        StoreError.
    """
    await _change(store, letter, done=(letter.position,))


async def _change(
    store: EventStore, letter: DeadLetter, *, put: tuple[Delivery, ...] = (), done: tuple[int, ...] = ()
) -> None:
    name = letter.subscriber
    position = next((each.position for each in await store.subscribers() if each.name == name), None)
    is_made = position is not None and await store.advance(
        Progress(subscriber=name, expected_position=position, position=position, put=put, done=done)
    )
    if not is_made:
        raise DeadLetterNotFoundError(f"{shown(name)} has no dead letter of event {shown(letter.event_id)} any more")
