"""From one state to the next: `evolve` applies a fact, and can fail only on a broken log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import Any

from aegispay.domain import events as e
from aegispay.domain.copying import copier
from aegispay.domain.evolve_hooks import enriched, judged
from aegispay.domain.outcome import (
    Declined,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
)
from aegispay.domain.outcome import Duplicate as DuplicateOutcome
from aegispay.domain.payment import Attempt, Failure, Incident, Operation, Payment
from aegispay.domain.retry.step import is_repeatable
from aegispay.domain.state import AttemptStatus, OperationKind, OperationStatus, PaymentState
from aegispay.domain.transitions import targets

Changes = dict[str, Any]

_RESUMED = {PaymentState.PROCESSING: PaymentState.PROCESSING}
_copy_payment = copier(Payment)
_copy_attempt = copier(Attempt)


class IllegalEventError(Exception):
    """An event stands in the log where the transition table does not allow it."""


def evolve(payment: Payment | None, event: e.Event, *, payment_id: str) -> Payment:
    """Return the payment after the fact `event`.

    Raises:
        IllegalEventError: the table has no such transition: the log is damaged, or the code that wrote it was wrong.
    """
    if isinstance(event, e.PaymentInitiated):
        return _initiate(payment, event, payment_id)
    if payment is None:
        raise IllegalEventError(f"{payment_id}: {event.type} before the payment was initiated")
    changes = _APPLY[type(event)](payment, event)
    changes["state"] = _target(payment, event)
    changes["version"] = payment.version + 1
    changes["updated_at"] = max(payment.updated_at, event.at)
    return _copy_payment(payment, changes)


def replay(payment_id: str, events: Iterable[e.Event], start: Payment | None = None) -> Payment | None:
    """Fold events into a payment; ``None`` when there are none."""
    return reduce(lambda payment, event: evolve(payment, event, payment_id=payment_id), events, start)


def _target(payment: Payment, event: e.Event) -> PaymentState:
    possible = targets(payment.state, event.type)
    if len(possible) == 1:
        return next(iter(possible))
    if isinstance(event, e.ActionCompleted) and payment.resume_state in possible:
        return payment.resume_state
    raise IllegalEventError(f"{payment.id}: {event.type} is not possible in {payment.state}")


def _initiate(payment: Payment | None, event: e.PaymentInitiated, payment_id: str) -> Payment:
    if payment is not None:
        raise IllegalEventError(f"{payment_id}: initiated twice")
    return Payment(
        id=payment_id,
        request=event.request,
        fingerprint=event.fingerprint,
        state=PaymentState.INITIATED,
        version=1,
        created_at=event.at,
        updated_at=event.at,
        expires_at=event.expires_at,
        trace=event.trace,
        fingerprint_salt=event.fingerprint_salt,
    )


def _nothing(_payment: Payment, _event: e.Event) -> Changes:
    return {}


def _action_required(payment: Payment, event: e.ActionRequired) -> Changes:
    changes: Changes = {
        "action": event.action,
        "resume_state": payment.resume_state or _RESUMED.get(payment.state, PaymentState.AUTHENTICATED),
    }
    if payment.open_attempt is not None:
        waiting = replace(
            payment.open_attempt,
            status=AttemptStatus.REQUIRES_ACTION,
            reference=event.reference,
            failure=None,
            unknown_since=None,
        )
        changes["attempts"] = (*payment.attempts[:-1], waiting)
    return changes


def _action_completed(payment: Payment, event: e.ActionCompleted) -> Changes:
    changes: Changes = {"action": None, "resume_state": None}
    if payment.open_attempt is not None:
        # The gateway goes on by itself once the payer is back: what came of it must be asked.
        asked = replace(
            payment.open_attempt,
            status=AttemptStatus.STARTED,
            unknown_since=None,
            next_check_at=event.at,
            completed_at=event.at,
        )
        changes["attempts"] = (*payment.attempts[:-1], asked)
    return changes


def _attempt_started(payment: Payment, event: e.AttemptStarted) -> Changes:
    attempt = Attempt(
        number=event.number,
        gateway=event.gateway,
        operation_id=event.operation_id,
        idempotency_key=event.idempotency_key,
        request_digest=event.request_digest,
        status=AttemptStatus.STARTED,
        started_at=event.at,
        next_check_at=event.deadline_at,
        configuration=event.configuration,
    )
    return {"attempts": (*payment.attempts, attempt), "retry": None}


def _attempt(payment: Payment, number: int) -> Attempt:
    if not 1 <= number <= len(payment.attempts):
        raise IllegalEventError(f"{payment.id}: there is no attempt {number}")
    return payment.attempts[number - 1]


def _change_attempt(payment: Payment, number: int, **changes: Any) -> Changes:
    attempts = list(payment.attempts)
    attempts[number - 1] = _copy_attempt(_attempt(payment, number), changes)
    return {"attempts": tuple(attempts)}


def describe(
    outcome: Declined
    | NotProcessed
    | InvalidRequest
    | GatewayMisconfigured
    | OutcomeUnknown
    | Pending
    | DuplicateOutcome,
    gateway: str | None,
) -> Failure:
    """Return the failure a reader sees for an outcome that is not an approval."""
    return Failure(
        reason=outcome.reason,
        code=getattr(outcome, "code", ""),
        message=outcome.message,
        gateway=gateway,
    )


def _attempt_failed(payment: Payment, event: e.AttemptFailed) -> Changes:
    gateway = _attempt(payment, event.number).gateway
    changes = _change_attempt(
        payment,
        event.number,
        status=AttemptStatus.FAILED,
        ended_at=event.at,
        unknown_since=None,
        failure=describe(event.outcome, gateway),
        is_repeatable=is_repeatable(event.outcome),
    )
    changes["retry"] = event.retry
    return changes


def _retry_put_off(_payment: Payment, event: e.RetryPutOff) -> Changes:
    return {"retry": event.retry}


def _named(outcome: OutcomeUnknown | Pending | DuplicateOutcome) -> str | None:
    """Return the gateway's id, where an outcome that is not definite names one."""
    if isinstance(outcome, OutcomeUnknown):
        return outcome.code if outcome.reason is Reason.AMOUNT_MISMATCH else None
    return outcome.reference


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    return max(first, second) if first is not None and second is not None else first or second


def _outcome_unknown(payment: Payment, event: e.OutcomeBecameUnknown) -> Changes:
    attempt = _attempt(payment, event.number)
    return _change_attempt(
        payment,
        event.number,
        status=AttemptStatus.UNKNOWN,
        failure=describe(event.outcome, attempt.gateway),
        reference=_named(event.outcome) or attempt.reference,
        unknown_since=attempt.unknown_since or event.at,
        resends_until=_later(attempt.resends_until, event.resends_until),
        settles_s=max(attempt.settles_s, event.settles_s),
        checks=event.checks,
        next_check_at=event.next_check_at,
    )


def _approve(payment: Payment, event: e.PaymentAuthorized | e.PaymentSucceeded) -> Changes:
    return _change_attempt(
        payment,
        event.number,
        status=AttemptStatus.APPROVED,
        reference=event.reference,
        failure=None,
        ended_at=event.at,
        unknown_since=None,
    )


def _authorized(payment: Payment, event: e.PaymentAuthorized) -> Changes:
    return _approve(payment, event) | {
        "authorized_minor": event.amount_minor,
        "expires_at": event.expires_at,
    }


def _expiring(_payment: Payment, _event: e.AuthorizationExpiring) -> Changes:
    return {"is_expiry_announced": True}


def _charged_back(payment: Payment, event: e.PaymentChargedBack) -> Changes:
    return {
        "charged_back_minor": payment.charged_back_minor + event.amount_minor,
        "chargebacks": (*payment.chargebacks, event.reference),
    }


def _succeeded(payment: Payment, event: e.PaymentSucceeded) -> Changes:
    if payment.state is PaymentState.AUTHORIZED:
        return {}
    return _approve(payment, event) | {
        "authorized_minor": event.amount_minor,
        "captured_minor": event.amount_minor,
    }


def _failed(_payment: Payment, event: e.PaymentFailed) -> Changes:
    failure = Failure(reason=event.reason, code=event.code, message=event.message, gateway=event.gateway)
    return {"failure": failure, "action": None, "resume_state": None, "retry": None}


def _cancel_requested(_payment: Payment, event: e.CancelRequested) -> Changes:
    return {"cancel_requested_at": event.at}


def _cancelled(_payment: Payment, _event: e.PaymentCancelled) -> Changes:
    return {"action": None, "resume_state": None, "retry": None}


def _operation_requested(payment: Payment, event: e.OperationRequested) -> Changes:
    operation = Operation(
        id=event.operation_id,
        kind=event.kind,
        key=event.key,
        amount_minor=event.amount_minor,
        idempotency_key=event.idempotency_key,
        is_rest=event.is_rest,
        is_final=event.final,
        reason=event.reason,
        captures=tuple(
            each.reference
            for each in payment.operations
            if each.kind is OperationKind.CAPTURE and each.status is OperationStatus.SUCCEEDED and each.reference
        ),
        status=OperationStatus.REQUESTED,
        started_at=event.at,
        next_check_at=event.deadline_at,
    )
    return {"operations": (*payment.operations, operation)}


def _change_operation(payment: Payment, operation_id: str, **changes: Any) -> Changes:
    if payment.find_operation(operation_id) is None:
        raise IllegalEventError(f"{payment.id}: there is no operation {operation_id}")
    return {"operations": tuple(replace(op, **changes) if op.id == operation_id else op for op in payment.operations)}


def _operation_succeeded(payment: Payment, event: e.OperationSucceeded) -> Changes:
    changes = _change_operation(
        payment,
        event.operation_id,
        status=OperationStatus.SUCCEEDED,
        reference=event.reference,
        failure=None,
        ended_at=event.at,
        unknown_since=None,
    )
    operation = payment.find_operation(event.operation_id)
    amount_minor = operation.amount_minor if operation is not None else 0
    match event.kind:
        case OperationKind.CAPTURE:
            changes["captured_minor"] = payment.captured_minor + amount_minor
        case OperationKind.REFUND:
            changes["refunded_minor"] = payment.refunded_minor + amount_minor
        case OperationKind.VOID:
            pass
    return changes


def _operation_failed(payment: Payment, event: e.OperationFailed) -> Changes:
    return _change_operation(
        payment,
        event.operation_id,
        status=OperationStatus.FAILED,
        failure=describe(event.outcome, payment.gateway),
        ended_at=event.at,
        unknown_since=None,
    )


def _operation_unknown(payment: Payment, event: e.OperationBecameUnknown) -> Changes:
    known = payment.find_operation(event.operation_id)
    unknown_since = event.at if known is None or known.unknown_since is None else known.unknown_since
    reference = _named(event.outcome) or (None if known is None else known.reference)
    return _change_operation(
        payment,
        event.operation_id,
        status=OperationStatus.UNKNOWN,
        reference=reference,
        failure=describe(event.outcome, payment.gateway),
        unknown_since=unknown_since,
        resends_until=_later(None if known is None else known.resends_until, event.resends_until),
        settles_s=max(0.0 if known is None else known.settles_s, event.settles_s),
        checks=event.checks,
        next_check_at=event.next_check_at,
    )


def _incident_opened(payment: Payment, event: e.IncidentOpened) -> Changes:
    incident = Incident(id=event.incident_id, reason=event.reason, detail=event.detail)
    return {"incidents": (*payment.incidents, incident)}


def _incident_closed(payment: Payment, event: e.IncidentClosed) -> Changes:
    return {
        "incidents": tuple(
            replace(incident, is_open=False) if incident.id == event.incident_id else incident
            for incident in payment.incidents
        )
    }


def _parked(_payment: Payment, event: e.PaymentParked | e.PaymentUnparked) -> Changes:
    return {"is_parked": isinstance(event, e.PaymentParked)}


_APPLY: dict[type[e.Event], Callable[[Payment, Any], Changes]] = {
    e.PaymentAuthenticated: _nothing,
    e.ActionRequired: _action_required,
    e.ActionCompleted: _action_completed,
    e.AttemptStarted: _attempt_started,
    e.AttemptFailed: _attempt_failed,
    e.RetryPutOff: _retry_put_off,
    e.OutcomeBecameUnknown: _outcome_unknown,
    e.OutcomeResolved: _nothing,
    e.PaymentAuthorized: _authorized,
    e.AuthorizationExpiring: _expiring,
    e.PaymentSucceeded: _succeeded,
    e.PaymentChargedBack: _charged_back,
    e.PaymentFailed: _failed,
    e.CancelRequested: _cancel_requested,
    e.PaymentCancelled: _cancelled,
    e.PaymentPartiallyRefunded: _nothing,
    e.PaymentRefunded: _nothing,
    e.OperationRequested: _operation_requested,
    e.OperationSucceeded: _operation_succeeded,
    e.OperationFailed: _operation_failed,
    e.OperationBecameUnknown: _operation_unknown,
    e.PaymentEnriched: enriched,
    e.HookJudged: judged,
    e.IncidentOpened: _incident_opened,
    e.IncidentClosed: _incident_closed,
    e.PaymentParked: _parked,
    e.PaymentUnparked: _parked,
}
