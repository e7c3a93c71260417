"""Payments whose next attempt waits: where it may go then, and what happens when nobody can take it."""

from __future__ import annotations

from datetime import datetime, timedelta

from aegispay.domain.payment import Attempt, Payment
from aegispay.domain.retry import RetryPolicy, TryAt, left_s
from aegispay.domain.routing.draws import draw_of, source_of

_AGAIN_MIN_S = 300.0
_AGAIN_SHARE = 0.5
"""Half as long again as it has waited: about twenty tries in two weeks, and soon after a short outage."""
_SPREAD = 0.2


def may_go_back(payment: Payment, attempt: Attempt) -> bool:
    """Return whether the gateway of a failed attempt may take the next one: only after a wait, and if time helps."""
    if payment.retry is None:
        return False
    return attempt.is_repeatable or attempt.gateway == payment.retry.gateway


def waits_again(payment: Payment, policy: RetryPolicy, now: datetime) -> TryAt | None:
    """Return how long a payment waits whose time has come and whom no gateway can take; ``None`` if it does not.

    An outage, or a spent retry budget, at the very moment is no reason to lose an order that waited for days.
    """
    last = payment.last_attempt
    if payment.retry is None or not payment.retry.is_put_off or last is None:
        return None
    waited_s = (now - (last.ended_at or last.started_at)).total_seconds()
    drawn = source_of(draw_of(payment.id, now.timestamp()), "again").random()
    again_s = max(_AGAIN_MIN_S, _AGAIN_SHARE * waited_s) * (1 + _SPREAD * drawn)
    if again_s > left_s(policy, payment.attempts[0].started_at, now):
        return None
    return TryAt(
        at=now + timedelta(seconds=again_s),
        why="no gateway could take it when it was due",
        gateway=payment.retry.gateway,
        is_put_off=True,
    )
