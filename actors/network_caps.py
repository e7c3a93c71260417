"""How often one card may be tried: counted by the store, in the same write as the attempt itself.

An attempt counts when it is about to be made, whatever comes of it: some of those never reach the network, none that
does is left out.
"""

from __future__ import annotations

from datetime import datetime

from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.events import AttemptStarted
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.payment_method import Card
from aegispay.domain.retry import RetryPolicy, instrument_key, network_of
from aegispay.errors import LimitReachedError
from aegispay.ports import Mark, MarkLimit

_PREFIX = "card:"


def cap_marks(payment: Payment, policy: RetryPolicy, salt: bytes, at: datetime) -> tuple[Mark, ...]:
    """Return what has to be counted with the next attempt; nothing for what has no network, or one without caps."""
    method = payment.payment_method
    network = network_of(method)
    caps = policy.caps_of(network)
    if not caps or network is None or not isinstance(method, Card):
        return ()
    limits = tuple(MarkLimit(cap.window_s, cap.attempts_max) for cap in caps)
    keep_s = max(limit.window_s for limit in limits)
    return (Mark(key=instrument_key(salt, network, method.token), at=at, keep_s=keep_s, limits=limits),)


def is_cap(error: LimitReachedError) -> bool:
    """Return whether it is a network's cap that keeps the append out."""
    return error.key.startswith(_PREFIX)


def capped(draft: Draft, before: Payment | None, error: LimitReachedError, at: datetime) -> Draft:
    """Return the draft without its attempt, which may not be made: the payment ends instead.

    Args:
        draft: what was refused.
        before: the payment as it is on disk.
        error: which limit.
        at: now, aware UTC.
    """
    instead = Draft(draft.payment_id, before)
    for event in draft.events:
        if not isinstance(event, AttemptStarted):
            instead.take(event)
    instead.marks = [mark for mark in draft.marks if not mark.key.startswith(_PREFIX)]
    message = f"the card's network allows {error.most} attempts in {error.window_s:g} s, and they were made"
    rejection = instead.apply(c.RefusePayment(at=at, reason=Reason.NETWORK_CAP_REACHED, message=message))
    assert rejection is None, rejection
    return instead
