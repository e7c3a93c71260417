"""The rules of a charge: from the request to authorized, captured, declined or expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aegispay.sandbox.payment import (
    Change,
    Decline,
    Event,
    Job,
    JobKind,
    Movement,
    MovementKind,
    Payment,
    RefusedError,
    Status,
)
from aegispay.sandbox.verdict import AUTHENTICATION_FAILED, Approve, Challenge, Process, Verdict

PROCESSING_S = 0.5
"""How long a payment is processed that is not approved at once."""


def decide(
    payment: Payment, verdict: Verdict, now: datetime, *, challenge: timedelta, authorization: timedelta
) -> Change:
    """Return what becomes of a new payment.

    Args:
        payment: as requested; its status is about to be replaced.
        verdict: what the issuer says.
        now: when.
        challenge: how long the payer may take.
        authorization: how long an authorization lives.
    """
    match verdict:
        case Approve(amount=amount):
            return approve(payment, amount, now, authorization)
        case Decline():
            return decline(payment, verdict)
        case Challenge():
            expires_at = now + challenge
            waiting = replace(payment, status=Status.REQUIRES_ACTION, expires_at=expires_at)
            return Change(
                payment=waiting,
                events=(Event(type="payment.requires_action"),),
                jobs=(Job(kind=JobKind.EXPIRE, due_at=expires_at),),
            )
        case Process():
            job = Job(kind=JobKind.SETTLE, due_at=now + timedelta(seconds=PROCESSING_S))
            return Change(payment=replace(payment, status=Status.PROCESSING), jobs=(job,))


def approve(payment: Payment, amount: int, now: datetime, authorization: timedelta) -> Change:
    """Reserve `amount`, and collect it if the payment says so."""
    reserved = Movement(kind=MovementKind.AUTHORIZE, reference=payment.reference, amount=amount)
    authorized = replace(payment, authorized_amount=amount, decline=None, expires_at=None)
    if payment.is_automatic:
        return Change(
            payment=replace(authorized, status=Status.CAPTURED, captured_amount=amount),
            movements=(reserved, replace(reserved, kind=MovementKind.CAPTURE)),
            events=(Event(type="payment.captured"),),
        )
    expires_at = now + authorization
    return Change(
        payment=replace(authorized, status=Status.AUTHORIZED, expires_at=expires_at),
        movements=(reserved,),
        events=(Event(type="payment.authorized"),),
        jobs=(Job(kind=JobKind.EXPIRE, due_at=expires_at),),
    )


def decline(payment: Payment, reason: Decline) -> Change:
    """End the payment without money."""
    declined = replace(payment, status=Status.DECLINED, decline=reason, expires_at=None)
    return Change(payment=declined, events=(Event(type="payment.declined"),))


def answer_challenge(payment: Payment, *, is_passed: bool, now: datetime, authorization: timedelta) -> Change:
    """Go on after the payer's turn.

    Raises:
        RefusedError: no challenge is open.
    """
    if payment.status is not Status.REQUIRES_ACTION:
        raise RefusedError("no_challenge", f"the payment is {payment.status}")
    if is_passed:
        return approve(payment, payment.amount, now, authorization)
    return decline(payment, AUTHENTICATION_FAILED)


def settle(payment: Payment, now: datetime, authorization: timedelta) -> Change | None:
    """Approve a payment that was being processed; nothing if it no longer is."""
    if payment.status is not Status.PROCESSING:
        return None
    return approve(payment, payment.amount, now, authorization)


def expire(payment: Payment, now: datetime) -> Change | None:
    """End a challenge or an authorization whose time is over; nothing if there is none.

    What was captured of an authorization stays captured.
    """
    if payment.status not in {Status.REQUIRES_ACTION, Status.AUTHORIZED}:
        return None
    if payment.expires_at is None or payment.expires_at > now:
        return None
    if payment.captured_amount > 0:
        return Change(payment=replace(payment, status=Status.CAPTURED), events=(Event(type="payment.captured"),))
    return Change(payment=replace(payment, status=Status.EXPIRED), events=(Event(type="payment.expired"),))
