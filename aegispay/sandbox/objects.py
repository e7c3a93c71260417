"""Payments, operations and events in the words of the API."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from aegispay.sandbox.payment import Event, Kind, Operation, OperationStatus, Payment, Status

_EMPTY = {"authorized_amount": 0, "captured_amount": 0, "refunded_amount": 0, "decline": None, "operations": ()}


def payment_object(payment: Payment, base_url: str) -> dict[str, Any]:
    """Return a payment as the API shows it; `base_url` is where the challenge page stands."""
    return {
        "object": "payment",
        "id": payment.id,
        "reference": payment.reference,
        "status": payment.status.value,
        "capture": "automatic" if payment.is_automatic else "manual",
        "amount": payment.amount,
        "currency": payment.currency,
        "authorized_amount": payment.authorized_amount,
        "captured_amount": payment.captured_amount,
        "refunded_amount": payment.refunded_amount,
        "next_action": _next_action(payment, base_url),
        "decline": None if payment.decline is None else asdict(payment.decline),
        "payment_method": {
            "type": payment.method.type,
            "brand": payment.method.brand,
            "last4": payment.method.last4,
            "fingerprint": payment.method.fingerprint,
        },
        "metadata": dict(payment.metadata),
        "captures": _operations(payment, Kind.CAPTURE),
        "refunds": _operations(payment, Kind.REFUND),
        "voids": _operations(payment, Kind.VOID),
        "created_at": iso(payment.created_at),
        "expires_at": None if payment.expires_at is None else iso(payment.expires_at),
    }


def operation_object(payment: Payment, operation: Operation) -> dict[str, Any]:
    """Return an operation as the API shows it."""
    failure = operation.failure
    return {
        "object": "operation",
        "kind": operation.kind.value,
        "id": operation.id,
        "reference": operation.reference,
        "payment": payment.id,
        "payment_reference": payment.reference,
        "amount": operation.amount,
        "currency": payment.currency,
        "status": operation.status.value,
        "failure": None if failure is None else {"code": failure, "message": failure.replace("_", " ")},
        "created_at": iso(operation.created_at),
    }


def event_data(payment: Payment, event: Event, event_id: str, base_url: str) -> dict[str, Any]:
    """Return what an event is about."""
    if event.chargeback_amount is not None:
        return {
            "id": f"cb_{event_id.removeprefix('evt_')}",
            "reference": payment.reference,
            "payment": payment.id,
            "amount": event.chargeback_amount,
            "currency": payment.currency,
        }
    if event.operation is not None:
        return operation_object(payment, event.operation)
    return payment_object(payment, base_url)


def stale_payment(payment: Payment, previous: Payment | None) -> Payment:
    """Return the payment as it was before its last change."""
    if previous is not None:
        return previous
    return replace(payment, status=Status.PROCESSING, expires_at=None, **_EMPTY)  # type: ignore[arg-type]


def stale_operation(operation: Operation) -> Operation:
    """Return the operation as it was before its end."""
    return replace(operation, status=OperationStatus.PENDING, failure=None)


def error_object(kind: str, code: str, message: str, **more: Any) -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"error": {"type": kind, "code": code, "message": message, **more}}


def iso(moment: datetime) -> str:
    """Return a moment as the API writes it."""
    return moment.isoformat()


def _operations(payment: Payment, kind: Kind) -> list[dict[str, Any]]:
    return [operation_object(payment, each) for each in payment.operations if each.kind is kind]


def _next_action(payment: Payment, base_url: str) -> dict[str, Any] | None:
    if payment.status is not Status.REQUIRES_ACTION or payment.expires_at is None:
        return None
    return {"type": "redirect", "url": f"{base_url}/challenge/{payment.id}", "expires_at": iso(payment.expires_at)}
