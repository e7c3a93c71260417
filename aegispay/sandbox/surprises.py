"""What a provider takes back after it was settled: failed captures, late approvals, chargebacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aegispay.sandbox.charging import approve
from aegispay.sandbox.operating import with_operation
from aegispay.sandbox.payment import (
    Change,
    Decline,
    Event,
    Kind,
    Movement,
    MovementKind,
    OperationStatus,
    Payment,
    RefusedError,
    Status,
)

_CAPTURE_FAILED = Decline(code="capture_failed", message="the capture failed later", kind="hard")


def flip(payment: Payment, now: datetime, authorization: timedelta) -> Change:
    """Let a captured payment's last capture fail, or a declined payment succeed.

    Raises:
        RefusedError: it is neither, or money was given back already.
    """
    if payment.status is Status.DECLINED:
        return approve(payment, payment.amount, now, authorization)
    if payment.captured_amount == 0:
        raise RefusedError("not_captured", f"the payment is {payment.status}: nothing to flip")
    if payment.refundable_amount < payment.captured_amount:
        raise RefusedError("already_refunded", "money was given back already")
    return _fail_charge(payment) if payment.is_automatic else _fail_capture(payment)


def open_chargeback(payment: Payment, amount: int) -> Change:
    """Take `amount` back on the payer's behalf, refunded or not.

    Raises:
        RefusedError: so much was never captured.
    """
    if payment.captured_amount == 0:
        raise RefusedError("not_captured", f"the payment is {payment.status}, nothing was captured")
    if amount > payment.captured_amount:
        raise RefusedError("amount_too_large", f"{payment.captured_amount} was captured")
    return Change(
        payment=payment,
        movements=(Movement(kind=MovementKind.CHARGEBACK, reference=payment.reference, amount=amount),),
        events=(Event(type="chargeback.opened", chargeback_amount=amount),),
    )


def _fail_charge(payment: Payment) -> Change:
    amount = payment.captured_amount
    failed = replace(payment, status=Status.DECLINED, decline=_CAPTURE_FAILED, authorized_amount=0, captured_amount=0)
    back = Movement(kind=MovementKind.CAPTURE, reference=payment.reference, amount=-amount)
    return Change(payment=failed, movements=(back,), events=(Event(type="payment.declined"),))


def _fail_capture(payment: Payment) -> Change:
    last = next(
        each
        for each in reversed(payment.operations)
        if each.kind is Kind.CAPTURE and each.status is OperationStatus.SUCCEEDED
    )
    failed = replace(last, status=OperationStatus.FAILED, failure=_CAPTURE_FAILED.code)
    left = payment.captured_amount - last.amount
    status = Status.CAPTURED if left else Status.AUTHORIZED
    return Change(
        payment=with_operation(replace(payment, captured_amount=left, status=status), failed),
        operation=failed,
        movements=(Movement(kind=MovementKind.CAPTURE, reference=last.reference, amount=-last.amount),),
        events=(Event(type="capture.failed", operation=failed),),
    )
