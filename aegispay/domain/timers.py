"""When a payment must be looked at although nobody asks: its one durable timer."""

from __future__ import annotations

from datetime import datetime, timedelta

from aegispay.domain.delays import check_delay_s
from aegispay.domain.payment import Payment
from aegispay.domain.state import OperationStatus, PaymentState


def wake_at(payment: Payment) -> datetime | None:
    """Return when the payment must be looked at although nobody asks, or ``None`` if it needs nothing.

    This is the payment's one durable timer: it is stored with every event, so a restart misses none. An authorization
    with an open operation does not expire before that operation is settled, so the operation's timer goes first.
    """
    if payment.is_parked:
        return None
    checks = [operation.next_check_at for operation in payment.operations if operation.status.is_open]
    if checks:
        return min(checks)
    due = (cancel_again_at(payment), _charge_wake_at(payment))
    return min((at for at in due if at is not None), default=None)


def cancel_again_at(payment: Payment) -> datetime | None:
    """Return when to try again what a remembered cancel asked for; ``None`` when there is nothing to try."""
    if not payment.is_cancel_requested or payment.unwanted_minor <= 0:
        return None
    own = [operation for operation in payment.operations if not operation.key]
    if not own or own[-1].status is not OperationStatus.FAILED or payment.is_cancel_given_up:
        return None
    return (own[-1].ended_at or payment.updated_at) + timedelta(seconds=check_delay_s(len(own) - 1))


def expiry_warning_at(payment: Payment) -> datetime:
    """Return when to say that an authorization will lapse: when four fifths of its time are over."""
    approved = payment.approved_attempt
    began = payment.updated_at if approved is None or approved.ended_at is None else approved.ended_at
    return payment.expires_at - (payment.expires_at - began) / 5


def _charge_wake_at(payment: Payment) -> datetime | None:
    match payment.state:
        case PaymentState.INITIATED:
            return payment.expires_at
        case PaymentState.AUTHORIZED:
            return payment.expires_at if payment.is_expiry_announced else expiry_warning_at(payment)
        case PaymentState.AUTHENTICATED:
            return payment.updated_at
        case PaymentState.REQUIRES_ACTION:
            return payment.action.expires_at if payment.action is not None else payment.expires_at
        case PaymentState.PROCESSING:
            attempt = payment.open_attempt
            return attempt.next_check_at if attempt is not None else payment.retry_at or payment.updated_at
        case _:
            return None
