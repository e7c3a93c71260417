"""What is bound to a line about a payment: its id, and as far as known the attempt, gateway, operation and trace."""

from __future__ import annotations

import re
from typing import Any

from aegispay.domain.keys import payment_of
from aegispay.domain.payment import Payment
from aegispay.ports import ChargeRequest, GatewayRequest

_ATTEMPT = re.compile(r".+-a([0-9]{1,4})")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def of_payment(payment: Payment) -> dict[str, Any]:
    """Return what a line about the payment is bound to."""
    fields: dict[str, Any] = {"payment_id": payment.id}
    trace_id = _trace_id(getattr(payment, "trace", None))
    if trace_id:
        fields["trace_id"] = trace_id
    if payment.attempts:
        latest = payment.attempts[-1]
        fields |= {"attempt": latest.number, "gateway": latest.gateway}
    return fields


def of_request(request: GatewayRequest) -> dict[str, Any]:
    """Return what a line about a request to a gateway is bound to."""
    fields = of_operation(request.payment_id, request.reference)
    if not isinstance(request, ChargeRequest):
        fields |= _attempt(request.charge_reference)
    return fields


def of_operation(payment_id: str, operation_id: str) -> dict[str, Any]:
    """Return what a line about an attempt, capture, void or refund is bound to."""
    return {"payment_id": payment_id, "operation_id": operation_id, **_attempt(operation_id)}


def of_reference(reference: str) -> dict[str, Any]:
    """Return what a line about something is bound to that has a reference of ours; nothing if it has another's."""
    payment_id = payment_of(reference)
    return {} if payment_id is None else of_operation(payment_id, reference)


def _attempt(reference: str) -> dict[str, Any]:
    found = _ATTEMPT.fullmatch(reference)
    return {} if found is None else {"attempt": int(found[1])}


def _trace_id(traceparent: object) -> str | None:
    found = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    return None if found is None else found[1]
