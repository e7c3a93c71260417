"""What can be done about endpoints while no engine is open; the next engine that is given them goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aegispay.delivery_errors import UnknownSubscriberError
from aegispay.domain.card_data import shown
from aegispay.ports import EventStore, StoredEvent
from aegispay.ports.outbox import Delivery, Progress, Subscriber, SubscriberKind

_BATCH = 500


async def kept_endpoint(store: EventStore, name: object) -> Subscriber:
    """Return what the store has about an endpoint.

    Raises:
        UnknownSubscriberError: nothing, or it is no endpoint.
    """
    known = {each.name: each for each in await store.subscribers() if each.kind is SubscriberKind.WEBHOOK}
    found = known.get(name) if isinstance(name, str) else None
    if found is None:
        raise unknown_endpoint(name, tuple(known))
    return found


def unknown_endpoint(name: object, known: Sequence[str]) -> UnknownSubscriberError:
    """Return the error for an endpoint that there is not."""
    return UnknownSubscriberError(
        f"there is no webhook endpoint {shown(name)}; there are {', '.join(known) or 'none'}",
        hint="`webhook_endpoints()` lists every endpoint, `aegispay webhooks list` too.",
    )


async def enable_in(store: EventStore, name: str) -> None:
    """Let an endpoint that answered 410 be posted to again. Idempotent.

    Raises:
        UnknownSubscriberError: there is no such endpoint.
    """
    await store.disable_subscriber((await kept_endpoint(store, name)).name, "")


async def replay_in(store: EventStore, name: str, events: Sequence[StoredEvent], now: datetime) -> int:
    """Have events posted once more; return how many. What was not posted for the first time yet is left as it is.

    Raises:
        UnknownSubscriberError: there is no such endpoint.
    """
    subscriber = await kept_endpoint(store, name)
    again = [stored for stored in events if stored.position <= subscriber.position]
    for start in range(0, len(again), _BATCH):
        put = tuple(
            Delivery(subscriber=name, position=stored.position, payment_id=stored.payment_id, due_at=now)
            for stored in again[start : start + _BATCH]
        )
        position = subscriber.position
        await store.advance(Progress(subscriber=name, expected_position=position, position=position, put=put))
    return len(again)
