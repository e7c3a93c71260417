"""What the store knows of a subscriber when it starts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aegispay.delivery_errors import CursorAheadError
from aegispay.domain.deliveries.schedule import WISH_MAX_S
from aegispay.outbox.definition import Definition
from aegispay.outbox.ledger import Ledger
from aegispay.ports import EventStore
from aegispay.ports.outbox import Delivery, Subscriber, SubscriberKind

_PAGE = 1_000


class SupersededError(Exception):
    """Somebody else has changed what the store has of a subscriber: what this process knows is out of date."""


async def open_books(store: EventStore, definition: Definition, now: datetime) -> tuple[Subscriber, Ledger]:
    """Return a subscriber as the store has it, and its books.

    A retry that is due later than any delay reaches was put off by a clock that stood wrong: it is due at once.

    Raises:
        SupersededError: it was forgotten.
        CursorAheadError: its position is behind the end of the log.
        StoreError.
    """
    name = definition.name
    subscriber = next((each for each in await store.subscribers() if each.name == name), None)
    if subscriber is None:
        raise SupersededError(f"{name} was forgotten")
    end = await store.end_position()
    if subscriber.position > end:
        raise CursorAheadError(subscriber=name, position=subscriber.position, end=end)
    latest = now + timedelta(seconds=max((WISH_MAX_S, *definition.schedule.delays_s)))
    deliveries = [
        replace(each, due_at=now) if each.due_at is not None and each.due_at > latest else each
        for each in await _deliveries(store, name)
    ]
    return subscriber, Ledger(
        subscriber,
        deliveries,
        interests=definition.interests,
        ordered=definition.ordered,
        exactly=subscriber.kind is SubscriberKind.TRANSACTIONAL,
    )


async def _deliveries(store: EventStore, name: str) -> list[Delivery]:
    found: list[Delivery] = []
    after = (name, 0)
    while True:
        page = await store.deliveries(subscriber=name, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found
        after = (name, page[-1].position)
