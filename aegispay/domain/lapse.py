"""The end of an authorization that was not captured in time, or not captured whole."""

from __future__ import annotations

from datetime import datetime

from aegispay.domain import events as e
from aegispay.domain.payment import Payment


def lapse(payment: Payment, at: datetime) -> tuple[e.Event, ...]:
    """Return what ends an authorized payment without open operations: success with what was captured, or its cancel."""
    if payment.captured_minor == 0:
        return (e.PaymentCancelled(at=at, reason="authorization_expired"),)
    approved = payment.approved_attempt
    assert approved is not None
    return (
        e.PaymentSucceeded(
            at=at,
            number=approved.number,
            reference=approved.reference or "",
            amount_minor=payment.captured_minor,
        ),
    )
