"""What exactly a gateway is asked: built from the payment alone, so that a resend is identical to the letter."""

from __future__ import annotations

from aegispay.domain.money import Money
from aegispay.domain.payment import Attempt, Operation, Payment, Sent
from aegispay.ports import ChargeRequest, GatewayRequest, OperationRequest


def gateway_of(payment: Payment, sent: Sent) -> str:
    """Return the gateway that was or will be asked: for an operation, the one that holds the money."""
    if isinstance(sent, Attempt):
        return sent.gateway
    approved = payment.approved_attempt
    assert approved is not None, "an operation follows an approval"
    return approved.gateway


def gateway_request(payment: Payment, sent: Sent, timeout_s: float) -> GatewayRequest:
    """Return the request for an attempt or an operation."""
    if isinstance(sent, Operation):
        return _operation_request(payment, sent, timeout_s)
    return ChargeRequest(
        payment_id=payment.id,
        reference=sent.operation_id,
        idempotency_key=sent.idempotency_key,
        money=payment.money,
        payment_method=payment.payment_method,
        customer=payment.customer,
        metadata=payment.request.metadata,
        capture=payment.request.capture,
        timeout_s=timeout_s,
        return_url=payment.request.return_url,
    )


def _operation_request(payment: Payment, operation: Operation, timeout_s: float) -> OperationRequest:
    approved = payment.approved_attempt
    assert approved is not None, "an operation follows an approval"
    return OperationRequest(
        payment_id=payment.id,
        kind=operation.kind,
        reference=operation.id,
        idempotency_key=operation.idempotency_key,
        charge_reference=approved.operation_id,
        gateway_reference=approved.reference or "",
        captures=operation.captures,
        money=Money(operation.amount_minor, payment.currency),
        is_final=operation.is_final,
        reason=operation.reason,
        timeout_s=timeout_s,
    )
