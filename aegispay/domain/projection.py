"""The row that stands for a payment in queries, computed from the payment alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aegispay.domain.payment import Payment
from aegispay.domain.state import PaymentState
from aegispay.domain.timers import wake_at


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """What the store keeps of a payment for queries, written in the same transaction as its events.

    Attributes:
        in_doubt: whether the outcome of its charge or of one of its operations is not known. doubt_since: since when.
        wake_at: when the payment must be looked at again although nobody asks; ``None`` when it needs nothing.
    """

    payment_id: str
    merchant: str
    idempotency_key: str
    state: PaymentState
    in_doubt: bool
    doubt_since: datetime | None
    has_incident: bool
    amount_minor: int
    currency: str
    captured_minor: int
    refunded_minor: int
    customer_id: str | None
    method: str
    gateway: str | None
    created_at: datetime
    updated_at: datetime
    wake_at: datetime | None


def project(payment: Payment) -> PaymentRow:
    """Return the payment's row."""
    request = payment.request
    return PaymentRow(
        payment_id=payment.id,
        merchant=request.merchant,
        idempotency_key=request.idempotency_key,
        state=payment.state,
        in_doubt=payment.in_doubt,
        doubt_since=payment.doubt_since,
        has_incident=any(incident.is_open for incident in payment.incidents),
        amount_minor=request.amount_minor,
        currency=request.currency,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
        customer_id=None if request.customer is None else request.customer.id,
        method=request.payment_method.type,
        gateway=payment.gateway,
        created_at=payment.created_at,
        updated_at=payment.updated_at,
        wake_at=wake_at(payment),
    )
