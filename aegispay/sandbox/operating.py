"""The rules of captures, voids and refunds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aegispay.sandbox.payment import (
    Change,
    Event,
    Job,
    JobKind,
    Movement,
    MovementKind,
    Operation,
    OperationStatus,
    Payment,
    RefusedError,
    Status,
)

REFUND_PENDING_TOKEN = "tok_refund_pending"  # noqa: S105 - a name in a script, not a secret
REFUND_FAILS_TOKEN = "tok_refund_fails"  # noqa: S105 - a name in a script, not a secret
_REFUND_S = 0.5

_UNFIT: dict[Status, tuple[str, str]] = {
    Status.REQUIRES_ACTION: ("in_other_operation", "the payer has not finished"),
    Status.PROCESSING: ("in_other_operation", "the payment is still being processed"),
    Status.CAPTURED: ("already_captured", "everything was captured"),
    Status.DECLINED: ("not_authorized", "the payment was declined"),
    Status.VOIDED: ("already_voided", "the authorization was released"),
    Status.EXPIRED: ("authorization_expired", "the authorization expired"),
}


def capture(payment: Payment, operation: Operation, *, is_final: bool) -> Change:
    """Collect part or all of an authorization.

    Args:
        payment: what it is about.
        operation: the capture; its status is decided here.
        is_final: whether what is left is released.

    Raises:
        RefusedError: nothing is authorized, or not so much is left.
    """
    _require_authorized(payment)
    left = payment.authorized_amount - payment.captured_amount
    if operation.amount > left:
        raise RefusedError("amount_too_large", f"{left} of the authorization is left")
    is_done = is_final or operation.amount == left
    captured = replace(
        payment,
        captured_amount=payment.captured_amount + operation.amount,
        status=Status.CAPTURED if is_done else Status.AUTHORIZED,
    )
    return _succeeded(captured, operation, MovementKind.CAPTURE)


def void(payment: Payment, operation: Operation) -> Change:
    """Release what is left of an authorization; what was captured stays captured.

    Raises:
        RefusedError: nothing is authorized.
    """
    _require_authorized(payment)
    left = payment.authorized_amount - payment.captured_amount
    status = Status.CAPTURED if payment.captured_amount else Status.VOIDED
    change = _succeeded(replace(payment, status=status), replace(operation, amount=left), MovementKind.VOID)
    if status is Status.CAPTURED:
        return change
    return replace(change, events=(*change.events, Event(type="payment.voided")))


def refund(payment: Payment, operation: Operation) -> Change:
    """Give back part or all of what was captured.

    Raises:
        RefusedError: nothing was captured, or not so much is left.
    """
    if payment.status is Status.VOIDED:
        raise RefusedError(*_UNFIT[Status.VOIDED])
    if payment.captured_amount == 0:
        raise RefusedError("not_captured", f"the payment is {payment.status}, nothing was captured")
    if operation.amount > payment.refundable_amount:
        raise RefusedError("amount_too_large", f"{payment.refundable_amount} can still be refunded")
    if payment.method.token in {REFUND_PENDING_TOKEN, REFUND_FAILS_TOKEN}:
        return _pend(payment, operation)
    refunded = replace(payment, refunded_amount=payment.refunded_amount + operation.amount)
    return _succeeded(refunded, operation, MovementKind.REFUND)


def end_refund(payment: Payment, operation_id: str, *, is_success: bool) -> Change | None:
    """Decide a pending refund; nothing if it is decided."""
    pending = next((each for each in payment.operations if each.id == operation_id), None)
    if pending is None or pending.status is not OperationStatus.PENDING:
        return None
    if not is_success:
        failed = replace(pending, status=OperationStatus.FAILED, failure="refund_failed")
        return Change(
            payment=with_operation(payment, failed),
            operation=failed,
            events=(Event(type="refund.failed", operation=failed),),
        )
    refunded = replace(payment, refunded_amount=payment.refunded_amount + pending.amount)
    return _succeeded(refunded, pending, MovementKind.REFUND)


def with_operation(payment: Payment, operation: Operation) -> Payment:
    """Return the payment with the operation added, or replaced where it has one of that id."""
    others = tuple(operation if each.id == operation.id else each for each in payment.operations)
    if operation in others:
        return replace(payment, operations=others)
    return replace(payment, operations=(*others, operation))


def _require_authorized(payment: Payment) -> None:
    if payment.status is not Status.AUTHORIZED:
        raise RefusedError(*_UNFIT[payment.status])


def _pend(payment: Payment, operation: Operation) -> Change:
    pending = replace(operation, status=OperationStatus.PENDING)
    kind = JobKind.FAIL_REFUND if payment.method.token == REFUND_FAILS_TOKEN else JobKind.SETTLE_REFUND
    due_at = operation.created_at + timedelta(seconds=_REFUND_S)
    return Change(
        payment=with_operation(payment, pending),
        operation=pending,
        jobs=(Job(kind=kind, due_at=due_at, subject=operation.id),),
    )


def _succeeded(payment: Payment, operation: Operation, kind: MovementKind) -> Change:
    done = replace(operation, status=OperationStatus.SUCCEEDED)
    return Change(
        payment=with_operation(payment, done),
        operation=done,
        movements=(Movement(kind=kind, reference=operation.reference, amount=operation.amount),),
        events=(Event(type=f"{operation.kind}.succeeded", operation=done),),
    )
