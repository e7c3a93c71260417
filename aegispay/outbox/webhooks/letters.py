"""What is posted about an event: the same bytes for every try, every endpoint and every start."""

from __future__ import annotations

from collections import OrderedDict

from aegispay.domain.evolve import IllegalEventError, replay
from aegispay.domain.payment import Payment
from aegispay.errors import CorruptStoreError
from aegispay.outbox.envelope import public_event, to_bytes
from aegispay.ports import EventStore, StoredEvent

KEPT_MAX = 256
"""Bodies kept for the other endpoints, some kB each; they ask within moments of each other."""


class Letters:
    """Makes bodies: the public form of an event, with a picture of its payment as the event left it.

    Args:
        store: holds the payments' events.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    async def body_of(self, stored: StoredEvent) -> bytes:
        """Return the body for an event.

        Raises:
            StoreError: the payment's events cannot be read.
        """
        body = self._kept.get(stored.position)
        if body is None:
            body = await self._make(stored)
            self._kept[stored.position] = body
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return body

    async def _make(self, stored: StoredEvent) -> bytes:
        payment = _payment_at(stored, await self._store.load(stored.payment_id))
        public = public_event(stored, payment)
        return to_bytes({"type": public["type"], "timestamp": public["occurred_at"], "data": public})


def _payment_at(stored: StoredEvent, events: tuple[StoredEvent, ...]) -> Payment:
    """Return the payment right after an event.

    The invariants are not asked: they hold at the end of an append, and an event may stand in the middle of one.
    """
    try:
        payment = replay(stored.payment_id, (each.event for each in events[: stored.version]))
    except (IllegalEventError, KeyError, IndexError) as error:
        raise CorruptStoreError(f"{stored.payment_id}: its events do not fit together: {error}") from error
    if payment is None or payment.version != stored.version:
        raise CorruptStoreError(f"{stored.payment_id}: events before its {stored.version}. are missing")
    return payment
