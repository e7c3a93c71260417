"""What an attempt's outcome means: success, next attempt, failure, or an open question that stays open."""

from __future__ import annotations

from dataclasses import replace

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.decide_incident import incident
from aegispay.domain.evidence import Evidence
from aegispay.domain.keys import cancel_id, operation_key
from aegispay.domain.lapse import lapse
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
from aegispay.domain.payment import Attempt, Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.request import CaptureMode
from aegispay.domain.retry import Fail, Failed, Situation, Step, TryAt, next_step, wished_step
from aegispay.domain.state import AttemptStatus, OperationKind, PaymentState

Events = tuple[e.Event, ...]
Decision = Events | Rejection


def decide_outcome(payment: Payment, command: c.RecordOutcome) -> Decision:
    """Decide what the outcome of one attempt means, whenever it arrives and however often."""
    attempt = next((a for a in payment.attempts if a.operation_id == command.operation_id), None)
    if attempt is None:
        return Rejection.NO_SUCH_ATTEMPT
    if command.evidence is Evidence.OPERATOR and attempt.status is not AttemptStatus.UNKNOWN:
        return Rejection.NOT_IN_DOUBT
    if not attempt.status.is_open:
        return _late(payment, attempt, command)
    match command.outcome:
        case Approved() as approved:
            return _approved(payment, attempt, command, approved)
        case RequiresAction() as wanted:
            return _action_required(payment, attempt, command, wanted)
        case OutcomeUnknown() | Pending() | Duplicate() as unknown:
            return _unknown(payment, attempt, command, unknown)
        case Declined() | NotProcessed() | InvalidRequest() | GatewayMisconfigured() as failed:
            return _failed(payment, attempt, command, failed)


def failed_like_last_attempt(payment: Payment, command: c.Command) -> e.PaymentFailed:
    """Return the end of a payment whose last attempt failed and is not followed by another."""
    failure = payment.attempts[-1].failure
    assert failure is not None
    return e.PaymentFailed(
        at=command.at, reason=failure.reason, code=failure.code, message=failure.message, gateway=failure.gateway
    )


def _late(payment: Payment, attempt: Attempt, command: c.RecordOutcome) -> Events:
    """Take in news about a settled attempt: repeated news changes nothing, other news is an incident."""
    match command.outcome:
        case Approved() as outcome if attempt.status is AttemptStatus.FAILED or outcome.reference != attempt.reference:
            detail = f"{attempt.gateway} reports {outcome.reference} approved after the attempt was {attempt.status}"
            opened = incident(
                payment,
                at=command.at,
                incident_id=f"{attempt.operation_id}-late-{outcome.reference}",
                reason=Reason.LATE_APPROVAL,
                detail=detail,
            )
            return (*opened, *_end_unless_open(payment, command)) if opened else ()
        case Approved() as outcome if (outcome.amount_minor, outcome.currency) != _believed(payment):
            detail = _mismatch_message(payment, outcome)
            return incident(
                payment,
                at=command.at,
                incident_id=f"{attempt.operation_id}-amount",
                reason=Reason.AMOUNT_MISMATCH,
                detail=detail,
            )
        case Declined(reason=Reason.AUTHORIZATION_EXPIRED) if _may_have_lapsed(payment, attempt):
            is_over = payment.state is PaymentState.AUTHORIZED and not payment.has_open_operation
            return lapse(payment, command.at) if is_over else ()
        case Declined() as outcome if attempt.status is AttemptStatus.APPROVED:
            detail = f"{attempt.gateway} reports {outcome.reason} after it approved {attempt.reference}"
            return incident(
                payment,
                at=command.at,
                incident_id=f"{attempt.operation_id}-conflict",
                reason=Reason.CONFLICTING_ANSWER,
                detail=detail,
            )
        case _:
            return ()


def _may_have_lapsed(payment: Payment, attempt: Attempt) -> bool:
    is_authorization = attempt.status is AttemptStatus.APPROVED and payment.request.capture is CaptureMode.MANUAL
    return is_authorization and payment.captured_minor < payment.authorized_minor


def _believed(payment: Payment) -> tuple[int, str]:
    return payment.authorized_minor, payment.currency


def _end_unless_open(payment: Payment, command: c.RecordOutcome) -> Events:
    """End a payment that was about to try another gateway: money has moved already."""
    if payment.state is PaymentState.PROCESSING and payment.open_attempt is None:
        return (failed_like_last_attempt(payment, command),)
    return ()


def _resolved(payment: Payment, attempt: Attempt, command: c.RecordOutcome) -> Events:
    """Return what has to be said before a definite outcome: that a doubt ended, or that the payer is done."""
    if payment.state is PaymentState.REQUIRES_ACTION:
        return (e.ActionCompleted(at=command.at),)
    if attempt.status is AttemptStatus.UNKNOWN:
        return (
            e.OutcomeResolved(
                at=command.at, number=attempt.number, evidence=command.evidence.value, detail=command.detail
            ),
        )
    return ()


def _approved(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Approved) -> Events:
    if _is_mismatch(payment, outcome):
        return _mismatch(payment, attempt, command, outcome)
    before = _resolved(payment, attempt, command)
    if payment.request.capture is CaptureMode.MANUAL:
        approved: e.Event = e.PaymentAuthorized(
            at=command.at,
            number=attempt.number,
            reference=outcome.reference,
            amount_minor=outcome.amount_minor,
            expires_at=command.authorization_expires_at,
        )
        return (*before, approved, *_remembered_cancel(payment, attempt, command, outcome, OperationKind.VOID))
    approved = e.PaymentSucceeded(
        at=command.at,
        number=attempt.number,
        reference=outcome.reference,
        amount_minor=outcome.amount_minor,
    )
    return (*before, approved, *_remembered_cancel(payment, attempt, command, outcome, OperationKind.REFUND))


def _remembered_cancel(
    payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Approved, kind: OperationKind
) -> Events:
    if not payment.is_cancel_requested:
        return ()
    reference = cancel_id(payment.id, 1)
    return (
        e.OperationRequested(
            at=command.at,
            kind=kind,
            operation_id=reference,
            amount_minor=outcome.amount_minor,
            idempotency_key=operation_key(reference, attempt.gateway),
            deadline_at=command.next_check_at,
            is_rest=True,
        ),
    )


def _is_mismatch(payment: Payment, outcome: Approved) -> bool:
    if outcome.currency != payment.currency:
        return True
    if outcome.is_partial and payment.request.capture is CaptureMode.MANUAL:
        # The merchant captures himself: he decides whether part of the money is worth having.
        return not 0 < outcome.amount_minor < payment.amount_minor
    return outcome.amount_minor != payment.amount_minor


def _mismatch_message(payment: Payment, outcome: Approved) -> str:
    asked = f"{payment.amount_minor} {payment.currency}"
    return f"asked for {asked}, the gateway approved {outcome.amount_minor} {outcome.currency} (minor units)"


def _mismatch(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Approved) -> Events:
    """An answer about another amount is never success; a person must look."""
    message = _mismatch_message(payment, outcome)
    unknown = OutcomeUnknown(reason=Reason.AMOUNT_MISMATCH, code=outcome.reference, message=message)
    return (
        *_in_doubt(payment, attempt, command, unknown),
        *incident(
            payment,
            at=command.at,
            incident_id=f"{attempt.operation_id}-amount",
            reason=Reason.AMOUNT_MISMATCH,
            detail=message,
        ),
    )


def _action_required(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: RequiresAction) -> Events:
    if payment.action is not None and outcome.action.expires_at <= payment.action.expires_at:
        return ()
    before = () if payment.action is not None else _resolved(payment, attempt, command)
    return (
        *before,
        e.ActionRequired(at=command.at, action=outcome.action, gateway=attempt.gateway, reference=outcome.reference),
    )


def _unknown(
    payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: OutcomeUnknown | Pending | Duplicate
) -> Events:
    if payment.state is PaymentState.REQUIRES_ACTION and not isinstance(outcome, Pending):
        # It is the payer's turn; that the gateway could not be asked changes nothing.
        return ()
    return _in_doubt(payment, attempt, command, outcome)


def _in_doubt(
    payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: OutcomeUnknown | Pending | Duplicate
) -> Events:
    checks = attempt.checks + 1 if attempt.status is AttemptStatus.UNKNOWN else 0
    before = (e.ActionCompleted(at=command.at),) if payment.state is PaymentState.REQUIRES_ACTION else ()
    return (
        *before,
        e.OutcomeBecameUnknown(
            at=command.at,
            number=attempt.number,
            outcome=outcome,
            checks=checks,
            next_check_at=command.next_check_at,
            resends_until=command.resends_until,
            settles_s=command.settles_s,
        ),
    )


def _failed(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Failed) -> Events:
    failed = e.AttemptFailed(at=command.at, number=attempt.number, outcome=outcome)
    ended = e.PaymentFailed(
        at=command.at,
        reason=outcome.reason,
        code=outcome.code,
        message=outcome.message,
        gateway=attempt.gateway,
    )
    cancelled = e.PaymentCancelled(at=command.at, reason="requested")
    if payment.state is PaymentState.REQUIRES_ACTION:
        return (failed, cancelled if payment.is_cancel_requested else ended)
    before = _resolved(payment, attempt, command)
    if payment.is_cancel_requested:
        return (*before, failed, cancelled)
    match _step(payment, attempt, command, outcome):
        case Fail():
            return (*before, failed, ended)
        case TryAt() as retry:
            return (*before, replace(failed, retry=retry))
        case _:
            return (*before, failed)


def _step(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Failed) -> Step:
    if command.evidence is Evidence.OPERATOR:
        # Days may have passed: charging the payer elsewhere now would surprise everybody.
        return Fail("an operator's verdict leads to no other attempt")
    if payment.has_late_approval:
        return Fail("a gateway reports that money has moved")
    situation = Situation(
        payment_id=payment.id,
        method=payment.payment_method,
        gateway=attempt.gateway,
        attempts=len(payment.attempts),
        began_at=payment.attempts[0].started_at,
        at=command.at,
    )
    step = next_step(outcome, command.policy, situation)
    if command.retry_at is None or isinstance(step, TryAt):
        return step
    # Nobody wishes for later while another gateway can be tried now, so there is none.
    return wished_step(outcome, command.policy, situation, wish=command.retry_at, why=command.retry_why)
