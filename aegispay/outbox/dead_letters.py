"""Dead letters: deliveries that were given up, with the events they are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aegispay.delivery_errors import DeadLetterNotFoundError
from aegispay.domain.card_data import shown
from aegispay.ports import EventStore, StoredEvent
from aegispay.ports.outbox import Delivery, DeliveryState, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a subscriber does not get any more, unless somebody decides so.

    Attributes:
        stored: the event.
        tries: how often it was handed over in vain.
        error: why the last try failed. failed_at: when.
    """

    subscriber: str
    stored: StoredEvent
    tries: int
    error: str
    failed_at: datetime | None

    @property
    def event_id(self) -> str:
        """The event's stable id."""
        return self.stored.event_id


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
    stored = await find_event(store, event_id)
    if stored is not None:
        after = (subscriber, stored.position - 1)
        found = await store.deliveries(subscriber=subscriber, state=DeliveryState.DEAD, after=after, limit=1)
        if found and found[0].position == stored.position:
            return _dead_letter(found[0], stored)
    raise DeadLetterNotFoundError(f"{shown(subscriber)} has no dead letter of event {shown(event_id)}")


async def find_event(store: EventStore, event_id: str) -> StoredEvent | None:
    """Return the event that has this id, if there is one."""
    payment_id, _, version = event_id.rpartition("-")
    if not (payment_id and version.isascii() and version.isdigit() and len(version) < 10):
        return None
    events = await store.load(payment_id, after_version=int(version) - 1)
    return events[0] if events and events[0].event_id == event_id else None


async def _with_event(store: EventStore, delivery: Delivery) -> DeadLetter:
    (stored,) = await store.read_all(after=delivery.position - 1, limit=1)
    return _dead_letter(delivery, stored)


def _dead_letter(delivery: Delivery, stored: StoredEvent) -> DeadLetter:
    return DeadLetter(
        subscriber=delivery.subscriber,
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
    again = Delivery(
        subscriber=letter.subscriber, position=letter.stored.position, payment_id=letter.stored.payment_id, due_at=now
    )
    await _change(store, letter, put=(again,))


async def drop_in(store: EventStore, letter: DeadLetter) -> None:
    """Give a dead letter up; what is held behind it, the next engine hands on. No engine may have the store open.

    Raises:
        DeadLetterNotFoundError: it is gone, or its subscriber is.
        StoreError.
    """
    await _change(store, letter, done=(letter.stored.position,))


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
