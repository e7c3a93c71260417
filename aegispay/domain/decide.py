"""From a command to facts: `decide` is pure and answers with events, with nothing new, or with a rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.decide_hooks import decide_enrich, decide_judge
from aegispay.domain.decide_incident import decide_chargeback, decide_close_incident, decide_open_incident
from aegispay.domain.decide_operation import (
    decide_cancel,
    decide_record_operation,
    decide_repeat_cancel,
    decide_request_operation,
)
from aegispay.domain.decide_outcome import decide_outcome, failed_like_last_attempt
from aegispay.domain.fingerprints import is_same_request, salted
from aegispay.domain.lapse import lapse
from aegispay.domain.outcome import NotProcessed, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import PaymentState
from aegispay.domain.timers import expiry_warning_at
from aegispay.domain.transitions import commands

Events = tuple[e.Event, ...]
Decision = Events | Rejection

_ALLOWED_WHILE_PARKED = (
    c.UnparkPayment,
    c.RecordOutcome,
    c.RecordOperation,
    c.ReportChargeback,
    c.OpenIncident,
    c.CloseIncident,
)


def decide(payment: Payment | None, command: c.Command) -> Decision:
    """Decide what a command means for a payment.

    Returns:
        The events to append; an empty tuple when the command's goal is reached already;
        or the reason for refusing it, in which case nothing changes.
    """
    if isinstance(command, c.CreatePayment):
        return _create(payment, command)
    if payment is None:
        return Rejection.PAYMENT_DOES_NOT_EXIST
    if payment.is_parked and not isinstance(command, _ALLOWED_WHILE_PARKED):
        return _parked(command)
    if type(command).__name__ not in commands(payment.state):
        return _outside_table(payment, command)
    return _HANDLERS[type(command)](payment, command)


def _parked(command: c.Command) -> Decision:
    return () if isinstance(command, c.ParkPayment) else Rejection.PAYMENT_IS_PARKED


def _outside_table(payment: Payment, command: c.Command) -> Decision:
    """Answer a command the table has no arrow for: late news is taken in, a goal already reached is no error."""
    if isinstance(command, c.RecordOutcome):
        return decide_outcome(payment, command)
    if isinstance(command, c.RecordOperation):
        return decide_record_operation(payment, command)
    if isinstance(command, c.RequestOperation):
        return decide_request_operation(payment, command)
    if isinstance(command, c.CancelPayment) and _is_cancel_repeated(payment, command):
        return ()
    if isinstance(command, c.AuthenticatePayment) and payment.state is PaymentState.AUTHENTICATED:
        return ()
    return Rejection.NOT_ALLOWED_IN_THIS_STATE


def _is_cancel_repeated(payment: Payment, command: c.CancelPayment) -> bool:
    """Return whether this cancel was carried out before, whatever has become of the payment."""
    is_done = payment.state is PaymentState.CANCELLED or payment.is_cancel_requested
    return is_done or payment.find_operation(command.operation_id) is not None


def _create(payment: Payment | None, command: c.CreatePayment) -> Decision:
    if payment is None:
        return (
            e.PaymentInitiated(
                at=command.at,
                request=command.request,
                fingerprint=salted(command.fingerprint, command.fingerprint_salt),
                expires_at=command.expires_at,
                trace=command.trace,
                fingerprint_salt=command.fingerprint_salt,
            ),
        )
    if not is_same_request(payment, command.request, command.fingerprint):
        return Rejection.KEY_USED_FOR_ANOTHER_REQUEST
    return ()


def _authenticate(_payment: Payment, command: c.AuthenticatePayment) -> Decision:
    return (e.PaymentAuthenticated(at=command.at),)


def _require_action(_payment: Payment, command: c.RequireAction) -> Decision:
    return (
        e.ActionRequired(at=command.at, action=command.action, gateway=command.gateway, reference=command.reference),
    )


def _complete_action(payment: Payment, command: c.CompleteAction) -> Decision:
    if command.is_passed:
        return (e.ActionCompleted(at=command.at),)
    return _fail_action(payment, command, Reason.ACTION_FAILED, "the payer did not pass the challenge")


def _fail_action(payment: Payment, command: c.Command, reason: Reason, message: str) -> Events:
    if payment.is_cancel_requested:
        cancelled = e.PaymentCancelled(at=command.at, reason="requested")
        return (*_end_open_attempt(payment, command, reason), cancelled)
    failed = e.PaymentFailed(at=command.at, reason=reason, message=message, gateway=payment.gateway)
    return (*_end_open_attempt(payment, command, reason), failed)


def _end_open_attempt(payment: Payment, command: c.Command, reason: Reason) -> Events:
    attempt = payment.open_attempt
    if attempt is None:
        return ()
    outcome = NotProcessed(reason=reason, message="the payer's action did not complete")
    return (e.AttemptFailed(at=command.at, number=attempt.number, outcome=outcome),)


def _refuse(payment: Payment, command: c.RefusePayment) -> Decision:
    if payment.open_attempt is not None:
        return _still_open(payment)
    if command.reason in _NO_MORE and payment.attempts:
        # Why the last gateway failed says more than that no other was left.
        return (failed_like_last_attempt(payment, command),)
    return (e.PaymentFailed(at=command.at, reason=command.reason, code=command.code, message=command.message),)


_NO_MORE = frozenset({Reason.NO_ELIGIBLE_GATEWAY, Reason.NETWORK_CAP_REACHED, Reason.RETRY_DEADLINE_PASSED})
"""Why there is no next attempt, rather than why the payment fails."""


def _still_open(payment: Payment) -> Rejection:
    return Rejection.OUTCOME_STILL_UNKNOWN if payment.in_doubt else Rejection.ATTEMPT_STILL_OPEN


def _start_attempt(payment: Payment, command: c.StartAttempt) -> Decision:
    # The rule that keeps a payment from being charged twice: one open attempt, ever.
    if payment.open_attempt is not None:
        return _still_open(payment)
    if payment.is_cancel_requested:
        return Rejection.CANCEL_IS_REMEMBERED
    if payment.has_late_approval:
        return Rejection.LATE_APPROVAL_REPORTED
    if payment.retry is not None and command.at < payment.retry.at:
        return Rejection.RETRY_IS_NOT_DUE
    return (
        e.AttemptStarted(
            at=command.at,
            number=len(payment.attempts) + 1,
            gateway=command.gateway,
            operation_id=command.operation_id,
            idempotency_key=command.idempotency_key,
            request_digest=command.request_digest,
            deadline_at=command.deadline_at,
            decision=command.decision,
            configuration=command.configuration,
        ),
    )


def _put_off(payment: Payment, command: c.PutOffRetry) -> Decision:
    if payment.open_attempt is not None:
        return _still_open(payment)
    if payment.retry is None or command.at < payment.retry.at or command.retry.at <= command.at:
        return Rejection.RETRY_IS_NOT_DUE
    return (e.RetryPutOff(at=command.at, retry=command.retry),)


def _expire(payment: Payment, command: c.ExpirePayment) -> Decision:
    if payment.state is PaymentState.AUTHORIZED and command.at < payment.expires_at:
        return _announce_expiry(payment, command)
    deadline = payment.action.expires_at if payment.action is not None else payment.expires_at
    if command.at < deadline:
        return Rejection.NOT_YET_EXPIRED
    match payment.state:
        case PaymentState.INITIATED:
            return (e.PaymentCancelled(at=command.at, reason="expired"),)
        case PaymentState.REQUIRES_ACTION:
            return _fail_action(payment, command, Reason.ACTION_EXPIRED, "the payer did not act in time")
        case _:
            return _expire_authorization(payment, command)


def _announce_expiry(payment: Payment, command: c.ExpirePayment) -> Decision:
    if command.at < expiry_warning_at(payment):
        return Rejection.NOT_YET_EXPIRED
    if payment.is_expiry_announced:
        return ()
    return (e.AuthorizationExpiring(at=command.at, expires_at=payment.expires_at),)


def _expire_authorization(payment: Payment, command: c.ExpirePayment) -> Decision:
    if payment.has_open_operation:
        return Rejection.OPERATION_STILL_OPEN
    return lapse(payment, command.at)


def _park(_payment: Payment, command: c.ParkPayment) -> Decision:
    return (e.PaymentParked(at=command.at, cause=command.cause),)


def _unpark(payment: Payment, command: c.UnparkPayment) -> Decision:
    if not payment.is_parked:
        return Rejection.PAYMENT_IS_NOT_PARKED
    return (e.PaymentUnparked(at=command.at, operator=command.operator, reason=command.reason),)


_HANDLERS: dict[type[c.Command], Callable[[Payment, Any], Decision]] = {
    c.AuthenticatePayment: _authenticate,
    c.RequireAction: _require_action,
    c.CompleteAction: _complete_action,
    c.RefusePayment: _refuse,
    c.StartAttempt: _start_attempt,
    c.PutOffRetry: _put_off,
    c.RecordOutcome: decide_outcome,
    c.CancelPayment: decide_cancel,
    c.RepeatCancel: decide_repeat_cancel,
    c.RequestOperation: decide_request_operation,
    c.RecordOperation: decide_record_operation,
    c.ExpirePayment: _expire,
    c.ReportChargeback: decide_chargeback,
    c.OpenIncident: decide_open_incident,
    c.CloseIncident: decide_close_incident,
    c.EnrichPayment: decide_enrich,
    c.JudgePayment: decide_judge,
    c.ParkPayment: _park,
    c.UnparkPayment: _unpark,
}
