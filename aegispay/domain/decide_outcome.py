"""What an attempt's outcome means: success, next attempt, failure, or an open question that stays open."""

from __future__ import annotations

from aegispay.domain import commands as c
from aegispay.domain import events as e
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
from aegispay.domain.retry import Failed, may_try_another
from aegispay.domain.state import AttemptStatus, OperationKind, PaymentState

Events = tuple[e.Event, ...]
Decision = Events | Rejection


def decide_outcome(payment: Payment, command: c.RecordOutcome) -> Decision:
    """Decide what the outcome of one attempt means, whenever it arrives and however often."""
    attempt = next((a for a in payment.attempts if a.operation_id == command.operation_id), None)
    if attempt is None:
        return Rejection.NO_SUCH_ATTEMPT
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


def _late(payment: Payment, attempt: Attempt, command: c.RecordOutcome) -> Events:
    """Take in news about a settled attempt: repeated news changes nothing, new money is an incident."""
    outcome = command.outcome
    if not isinstance(outcome, Approved):
        return ()
    if attempt.status is AttemptStatus.APPROVED and outcome.reference == attempt.reference:
        return ()
    incident_id = f"{attempt.operation_id}-late-{outcome.reference}"
    if any(incident.id == incident_id for incident in payment.incidents):
        return ()
    detail = f"{attempt.gateway} reports {outcome.reference} approved after the attempt was {attempt.status}"
    return (e.IncidentOpened(at=command.at, incident_id=incident_id, reason=Reason.AMOUNT_MISMATCH, detail=detail),)


def _resolved(payment: Payment, attempt: Attempt, command: c.RecordOutcome) -> Events:
    """Return what has to be said before a definite outcome: that a doubt ended, or that the payer is done."""
    if payment.state is PaymentState.REQUIRES_ACTION:
        return (e.ActionCompleted(at=command.at),)
    if attempt.status is AttemptStatus.UNKNOWN:
        return (
            e.OutcomeResolved(at=command.at, number=attempt.number, evidence=command.evidence, detail=command.detail),
        )
    return ()


def _approved(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Approved) -> Events:
    if (outcome.amount_minor, outcome.currency) != (payment.amount_minor, payment.currency):
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
        return (*before, approved, *_remembered_cancel(payment, command, OperationKind.VOID))
    approved = e.PaymentSucceeded(
        at=command.at,
        number=attempt.number,
        reference=outcome.reference,
        amount_minor=outcome.amount_minor,
    )
    return (*before, approved, *_remembered_cancel(payment, command, OperationKind.REFUND))


def _remembered_cancel(payment: Payment, command: c.RecordOutcome, kind: OperationKind) -> Events:
    if not payment.is_cancel_requested:
        return ()
    operation_id = f"{payment.id}-cancel"
    return (
        e.OperationRequested(
            at=command.at,
            kind=kind,
            operation_id=operation_id,
            amount_minor=payment.amount_minor,
            idempotency_key=operation_id,
            deadline_at=command.next_check_at,
        ),
    )


def _mismatch(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: Approved) -> Events:
    """An answer about another amount is never success; a person must look."""
    if payment.state is PaymentState.REQUIRES_ACTION:
        return ()
    incident_id = f"{attempt.operation_id}-amount"
    asked = f"{payment.amount_minor} {payment.currency}"
    got = f"{outcome.amount_minor} {outcome.currency}"
    message = f"asked for {asked}, the gateway approved {got} (minor units)"
    unknown = OutcomeUnknown(reason=Reason.AMOUNT_MISMATCH, code=outcome.reference, message=message)
    in_doubt = _unknown(payment, attempt, command, unknown)
    if any(incident.id == incident_id for incident in payment.incidents):
        return in_doubt
    return (
        *in_doubt,
        e.IncidentOpened(at=command.at, incident_id=incident_id, reason=Reason.AMOUNT_MISMATCH, detail=message),
    )


def _action_required(payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: RequiresAction) -> Events:
    if payment.state is PaymentState.REQUIRES_ACTION:
        return ()
    return (
        *_resolved(payment, attempt, command),
        e.ActionRequired(at=command.at, action=outcome.action, gateway=attempt.gateway, reference=outcome.reference),
    )


def _unknown(
    payment: Payment, attempt: Attempt, command: c.RecordOutcome, outcome: OutcomeUnknown | Pending | Duplicate
) -> Events:
    if payment.state is PaymentState.REQUIRES_ACTION:
        return ()
    checks = attempt.checks + 1 if attempt.status is AttemptStatus.UNKNOWN else 0
    return (
        e.OutcomeBecameUnknown(
            at=command.at,
            number=attempt.number,
            outcome=outcome,
            checks=checks,
            next_check_at=command.next_check_at,
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
    if payment.state is PaymentState.REQUIRES_ACTION:
        return (failed, ended)
    before = _resolved(payment, attempt, command)
    if payment.is_cancel_requested:
        return (*before, failed, e.PaymentCancelled(at=command.at, reason="requested"))
    if may_try_another(outcome, len(payment.attempts), command.policy):
        return (*before, failed)
    return (*before, failed, ended)
