"""From stored events back to a payment, or an error that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable

from aegispay.domain.evolve import IllegalEventError, replay
from aegispay.domain.invariants import InvariantError, check
from aegispay.domain.payment import Payment
from aegispay.errors import CorruptStoreError
from aegispay.ports import StoredEvent


def rebuild(payment_id: str, events: Iterable[StoredEvent]) -> Payment | None:
    """Return the payment that the events make; ``None`` when there are none.

    Raises:
        CorruptStoreError: they do not fit together, or make a payment that cannot be.
    """
    try:
        payment = replay(payment_id, (stored.event for stored in events))
        return None if payment is None else check(payment)
    except (IllegalEventError, InvariantError, KeyError, IndexError) as error:
        raise CorruptStoreError(f"{payment_id}: its events do not fit together: {error}") from error
