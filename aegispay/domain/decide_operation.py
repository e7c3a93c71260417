"""Captures, voids and refunds: amounts are reserved on request and given back only when surely not moved."""

from __future__ import annotations

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.decide_incident import incident
from aegispay.domain.evidence import Evidence
from aegispay.domain.outcome import (
    Approved,
    Declined,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment import Operation, Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.retry import Failed
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.domain.timers import cancel_again_at

Events = tuple[e.Event, ...]
Decision = Events | Rejection

OPERATIONS_MAX = 1_000
"""Captures, voids and refunds of one payment: far more than any shop needs, few enough to be read in a moment."""
_CANCEL_TRIES_MAX = 20
"""With the pauses between them, the last of these is made after about half a day."""


def decide_cancel(payment: Payment, command: c.CancelPayment) -> Decision:
    """Cancel at once, remember the cancel while money is in doubt, or ask for a void."""
    match payment.state:
        case PaymentState.PROCESSING:
            return _cancel_processing(payment, command)
        case PaymentState.AUTHORIZED:
            return _void(payment, command)
        case PaymentState.REQUIRES_ACTION if payment.open_attempt is not None:
            # The payer may still pass the challenge at the gateway, so what comes of it has to be known first.
            return _remembered(payment, command)
        case _:
            return (_cancelled(command),)


def _cancelled(command: c.CancelPayment) -> e.PaymentCancelled:
    return e.PaymentCancelled(at=command.at, reason=command.reason)


def _cancel_processing(payment: Payment, command: c.CancelPayment) -> Decision:
    return (_cancelled(command),) if payment.open_attempt is None else _remembered(payment, command)


def _remembered(payment: Payment, command: c.CancelPayment) -> Events:
    if payment.is_cancel_requested:
        return ()
    return (e.CancelRequested(at=command.at, reason=command.reason),)


def _void(payment: Payment, command: c.CancelPayment) -> Decision:
    if payment.reserved_minor(OperationKind.CAPTURE) > 0:
        return Rejection.CAPTURE_IN_PROGRESS
    known = payment.find_operation(command.operation_id)
    if known is not None and known.kind is not OperationKind.VOID:
        return Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST
    if known is not None or payment.reserved_minor(OperationKind.VOID) > 0:
        return ()
    return (
        e.OperationRequested(
            at=command.at,
            kind=OperationKind.VOID,
            operation_id=command.operation_id,
            amount_minor=payment.authorized_minor - payment.captured_minor,
            idempotency_key=command.idempotency_key,
            deadline_at=command.deadline_at,
            key=command.key,
            is_rest=True,
            reason=command.reason,
        ),
    )


def decide_repeat_cancel(payment: Payment, command: c.RepeatCancel) -> Decision:
    """Release or return once more what a remembered cancel asked for, when the last try has definitely failed."""
    due_at = cancel_again_at(payment)
    if due_at is None or payment.has_open_operation or payment.find_operation(command.operation_id) is not None:
        return ()
    if command.at < due_at:
        return Rejection.NOT_YET_EXPIRED
    is_captured = payment.state is not PaymentState.AUTHORIZED
    return (
        e.OperationRequested(
            at=command.at,
            kind=OperationKind.REFUND if is_captured else OperationKind.VOID,
            operation_id=command.operation_id,
            amount_minor=payment.unwanted_minor,
            idempotency_key=command.idempotency_key,
            deadline_at=command.deadline_at,
            is_rest=True,
        ),
    )


def decide_request_operation(payment: Payment, command: c.RequestOperation) -> Decision:
    """Reserve an amount for a capture or a refund, or say why it does not fit."""
    known = payment.find_operation(command.operation_id)
    if known is not None:
        return _repeated(known, command)
    if len(payment.operations) >= OPERATIONS_MAX:
        return Rejection.TOO_MANY_OPERATIONS
    match command.kind:
        case OperationKind.CAPTURE:
            return _capture(payment, command)
        case OperationKind.REFUND:
            return _refund(payment, command)
        case OperationKind.VOID:
            return Rejection.NOT_ALLOWED_IN_THIS_STATE


def _repeated(known: Operation, command: c.RequestOperation) -> Decision:
    same_amount = known.is_rest if command.amount_minor is None else command.amount_minor == known.amount_minor
    if known.kind is command.kind and same_amount and known.is_final == command.is_final:
        return ()
    return Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST


def _capture(payment: Payment, command: c.RequestOperation) -> Decision:
    if payment.state is not PaymentState.AUTHORIZED:
        return Rejection.NOT_ALLOWED_IN_THIS_STATE
    if payment.is_cancel_requested:
        return Rejection.CANCEL_IS_REMEMBERED
    if payment.reserved_minor(OperationKind.VOID) > 0:
        return Rejection.VOID_IN_PROGRESS
    if payment.has_uncounted_money:
        return Rejection.INCIDENT_IS_OPEN
    left = payment.capturable_minor
    if any(_is_final_capture(op) and op.status is not OperationStatus.FAILED for op in payment.operations):
        return Rejection.CAPTURE_IN_PROGRESS
    return _reserve(command, left, Rejection.CAPTURE_EXCEEDS_AUTHORIZED, Rejection.NOTHING_LEFT_TO_CAPTURE)


def _refund(payment: Payment, command: c.RequestOperation) -> Decision:
    if payment.state not in {PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED}:
        return Rejection.NOT_ALLOWED_IN_THIS_STATE
    if payment.has_uncounted_money:
        return Rejection.INCIDENT_IS_OPEN
    left = payment.refundable_minor
    return _reserve(command, left, Rejection.REFUND_EXCEEDS_CAPTURED, Rejection.NOTHING_LEFT_TO_REFUND)


def _reserve(command: c.RequestOperation, left_minor: int, too_much: Rejection, nothing_left: Rejection) -> Decision:
    amount_minor = left_minor if command.amount_minor is None else command.amount_minor
    if command.amount_minor is not None and amount_minor <= 0:
        return Rejection.AMOUNT_MUST_BE_POSITIVE
    if left_minor <= 0:
        return nothing_left
    if amount_minor > left_minor:
        return too_much
    return (
        e.OperationRequested(
            at=command.at,
            kind=command.kind,
            operation_id=command.operation_id,
            amount_minor=amount_minor,
            idempotency_key=command.idempotency_key,
            deadline_at=command.deadline_at,
            final=command.is_final,
            key=command.key,
            is_rest=command.amount_minor is None,
            reason=command.reason,
        ),
    )


def decide_record_operation(payment: Payment, command: c.RecordOperation) -> Decision:
    """Decide what the outcome of a capture, void or refund means."""
    operation = payment.find_operation(command.operation_id)
    if operation is None:
        return Rejection.NO_SUCH_OPERATION
    if command.evidence is Evidence.OPERATOR and operation.status is not OperationStatus.UNKNOWN:
        return Rejection.NOT_IN_DOUBT
    if not operation.status.is_open:
        return _late(payment, operation, command)
    match command.outcome:
        case Approved() as approved:
            return _succeeded(payment, operation, command, approved)
        case OutcomeUnknown() | Pending() | Duplicate() as unknown:
            return (_unknown(operation, command, unknown),)
        case RequiresAction():
            unreadable = OutcomeUnknown(reason=Reason.UNREADABLE_ANSWER, message="a payer cannot act on this")
            return (_unknown(operation, command, unreadable),)
        case Declined() | NotProcessed() | InvalidRequest() | GatewayMisconfigured() as failed:
            ended = e.OperationFailed(
                at=command.at,
                kind=operation.kind,
                operation_id=operation.id,
                outcome=failed,
                evidence=command.evidence.value,
                detail=command.detail,
            )
            after = _after_failed_capture(payment, operation, command)
            return (ended, *after, *_given_up(payment, operation, command, failed))


def _unknown(
    operation: Operation, command: c.RecordOperation, outcome: OutcomeUnknown | Pending | Duplicate
) -> e.OperationBecameUnknown:
    return e.OperationBecameUnknown(
        at=command.at,
        kind=operation.kind,
        operation_id=operation.id,
        outcome=outcome,
        checks=operation.checks + 1 if operation.status is OperationStatus.UNKNOWN else 0,
        next_check_at=command.next_check_at,
        resends_until=command.resends_until,
        settles_s=command.settles_s,
    )


def _given_up(payment: Payment, operation: Operation, command: c.RecordOperation, outcome: Failed) -> Events:
    """Call for a person when a remembered cancel cannot be carried out: money is held or taken that nobody wants."""
    if operation.key or not payment.is_cancel_requested:
        return ()
    may_help = isinstance(outcome, NotProcessed | GatewayMisconfigured) and outcome.reason is not Reason.UNSUPPORTED
    tries = sum(not each.key for each in payment.operations)
    if may_help and tries < _CANCEL_TRIES_MAX:
        return ()
    detail = f"{operation.kind} of {operation.amount_minor} {payment.currency} (minor units) failed: {outcome.reason}"
    return incident(
        payment, at=command.at, incident_id=f"{operation.id}-failed", reason=Reason.CANCEL_NOT_EXECUTED, detail=detail
    )


def _late(payment: Payment, operation: Operation, command: c.RecordOperation) -> Events:
    """Take in news about a settled operation: repeated news changes nothing, other money moved is an incident."""
    outcome = command.outcome
    if isinstance(outcome, Declined) and operation.status is OperationStatus.SUCCEEDED:
        return incident(
            payment,
            at=command.at,
            incident_id=f"{operation.id}-conflict",
            reason=Reason.CONFLICTING_ANSWER,
            detail=f"{operation.kind} {operation.id} is reported as {outcome.reason} after it had succeeded",
        )
    if not isinstance(outcome, Approved):
        return ()
    if operation.status is OperationStatus.SUCCEEDED and outcome.reference == operation.reference:
        return _mismatch_incident(payment, operation, command, outcome)
    detail = f"{operation.kind} {operation.id} went through as {outcome.reference} after it had {operation.status}"
    return incident(
        payment,
        at=command.at,
        incident_id=f"{operation.id}-late-{outcome.reference}",
        reason=Reason.LATE_APPROVAL,
        detail=detail,
    )


def _succeeded(payment: Payment, operation: Operation, command: c.RecordOperation, outcome: Approved) -> Events:
    if _is_mismatch(payment, operation, outcome):
        return _mismatch(payment, operation, command, outcome)
    done = e.OperationSucceeded(
        at=command.at,
        kind=operation.kind,
        operation_id=operation.id,
        reference=outcome.reference,
        evidence=command.evidence.value,
        detail=command.detail,
    )
    match operation.kind:
        case OperationKind.CAPTURE:
            return (done, *_after_capture(payment, operation, command))
        case OperationKind.VOID:
            return (done, *_after_void(payment, command))
        case OperationKind.REFUND:
            return (done, *_after_refund(payment, operation, command))


def _is_mismatch(payment: Payment, operation: Operation, outcome: Approved) -> bool:
    if operation.kind is OperationKind.VOID:
        # It releases all that is left, and gateways name what they like as its amount.
        return False
    return (outcome.amount_minor, outcome.currency) != (operation.amount_minor, payment.currency)


def _mismatch(payment: Payment, operation: Operation, command: c.RecordOperation, outcome: Approved) -> Events:
    """An answer about another amount keeps the reservation; a person must look."""
    message = _mismatch_message(payment, operation, outcome)
    unknown = OutcomeUnknown(reason=Reason.AMOUNT_MISMATCH, code=outcome.reference, message=message)
    return (_unknown(operation, command, unknown), *_mismatch_incident(payment, operation, command, outcome))


def _mismatch_message(payment: Payment, operation: Operation, outcome: Approved) -> str:
    asked = f"{operation.kind} of {operation.amount_minor} {payment.currency}"
    return f"asked for a {asked}, the gateway did {outcome.amount_minor} {outcome.currency} (minor units)"


def _mismatch_incident(payment: Payment, operation: Operation, command: c.RecordOperation, outcome: Approved) -> Events:
    if not _is_mismatch(payment, operation, outcome):
        return ()
    return incident(
        payment,
        at=command.at,
        incident_id=f"{operation.id}-amount",
        reason=Reason.AMOUNT_MISMATCH,
        detail=_mismatch_message(payment, operation, outcome),
    )


def _after_capture(payment: Payment, operation: Operation, command: c.RecordOperation) -> Events:
    captured_minor = payment.captured_minor + operation.amount_minor
    is_last = operation.is_final or _was_final(payment) or captured_minor == payment.authorized_minor
    if is_last and not _others_open(payment, operation):
        return (_success(payment, command, captured_minor),)
    return ()


def _after_failed_capture(payment: Payment, operation: Operation, command: c.RecordOperation) -> Events:
    """A final capture that went through while this one was open ends the payment once this one has failed."""
    if operation.kind is not OperationKind.CAPTURE or not _was_final(payment) or _others_open(payment, operation):
        return ()
    return (_success(payment, command, payment.captured_minor),)


def _others_open(payment: Payment, operation: Operation) -> bool:
    return payment.reserved_minor(OperationKind.CAPTURE) > operation.amount_minor


def _was_final(payment: Payment) -> bool:
    return any(_is_final_capture(op) and op.status is OperationStatus.SUCCEEDED for op in payment.operations)


def _is_final_capture(operation: Operation) -> bool:
    return operation.kind is OperationKind.CAPTURE and operation.is_final


def _success(payment: Payment, command: c.Command, captured_minor: int) -> e.PaymentSucceeded:
    approved = payment.approved_attempt
    assert approved is not None
    return e.PaymentSucceeded(
        at=command.at,
        number=approved.number,
        reference=approved.reference or "",
        amount_minor=captured_minor,
    )


def _after_void(payment: Payment, command: c.RecordOperation) -> Events:
    if payment.captured_minor > 0:
        return (_success(payment, command, payment.captured_minor),)
    return (e.PaymentCancelled(at=command.at, reason="voided"),)


def _after_refund(payment: Payment, operation: Operation, command: c.RecordOperation) -> Events:
    refunded_minor = payment.refunded_minor + operation.amount_minor
    if refunded_minor == payment.captured_minor:
        return (e.PaymentRefunded(at=command.at, refunded_minor=refunded_minor),)
    return (e.PaymentPartiallyRefunded(at=command.at, refunded_minor=refunded_minor),)
