"""What merchants and operators ask for once a payment exists: capture, refund, cancel, the payer's return, verdicts."""

from __future__ import annotations

import contextlib
from typing import NoReturn

from aegispay.actors.desk import Desk
from aegispay.actors.gateway_requests import gateway_of
from aegispay.actors.judging import look_at_transaction
from aegispay.actors.payment_messages import CancelPayment, CloseIncident, CompleteAction, Operate, ResolveDoubt
from aegispay.actors.services import apply
from aegispay.domain import commands as c
from aegispay.domain.card_data import shown
from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.evidence import Verdict
from aegispay.domain.keys import operation_id, operation_key
from aegispay.domain.money import Money, parse_amount
from aegispay.domain.payment import Attempt, Payment, Sent
from aegispay.domain.rejection import Rejection
from aegispay.domain.request import CaptureMode
from aegispay.domain.resolution import Purpose
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.domain.verdict import Testimony, doubt_meant, verdict_command
from aegispay.errors import (
    BeingAskedError,
    FieldError,
    GatewayError,
    IdempotencyConflictError,
    IllegalTransitionError,
    OperationRefusedError,
    UnknownGatewayError,
    UnsupportedOperationError,
    ValidationError,
)
from aegispay.ports.gateway import finishes_actions

_MISFITS = frozenset(
    {
        Rejection.CAPTURE_EXCEEDS_AUTHORIZED,
        Rejection.REFUND_EXCEEDS_CAPTURED,
        Rejection.NOTHING_LEFT_TO_CAPTURE,
        Rejection.NOTHING_LEFT_TO_REFUND,
        Rejection.INCIDENT_IS_OPEN,
        Rejection.TOO_MANY_OPERATIONS,
        Rejection.CAPTURE_IN_PROGRESS,
        Rejection.VOID_IN_PROGRESS,
    }
)


# --- captures and refunds ---------------------------------------------------------------------------


async def operate(desk: Desk, message: Operate) -> Payment:
    """Reserve the amount and ask the gateway; or say what the same request has come to."""
    payment = desk.existing()
    amount_minor = _amount(payment, message)
    reference = operation_id(payment.id, message.kind, message.key)
    is_known = payment.find_operation(reference) is not None
    if not is_known and payment.approved_attempt is not None:
        _check_contract(desk, payment, message, amount_minor)
        if desk.services.hooks.looks_at_transactions:
            await look_at_transaction(desk, message, amount_minor)
    gateway = "" if payment.approved_attempt is None else payment.approved_attempt.gateway
    draft = desk.draft()
    rejection = draft.apply(
        c.RequestOperation(
            at=desk.services.now(),
            kind=message.kind,
            operation_id=reference,
            amount_minor=amount_minor,
            idempotency_key=operation_key(reference, gateway),
            deadline_at=desk.services.patience(gateway),
            is_final=message.is_final,
            key=message.key,
            reason=message.reason,
        )
    )
    if is_known:
        desk.services.telemetry.repeated(is_same=rejection is not Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST)
    if rejection is Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST:
        raise _conflict(payment, reference, message, amount_minor)
    if rejection is not None:
        _refuse(payment, message.kind, rejection, "RequestOperation", amount_minor)
    return await desk.commit(draft)


def _conflict(payment: Payment, reference: str, message: Operate, amount_minor: int | None) -> IdempotencyConflictError:
    known = payment.find_operation(reference)
    assert known is not None, "it has been used"
    is_same_amount = known.is_rest if amount_minor is None else known.amount_minor == amount_minor
    same = {"amount": is_same_amount, "is_final": known.is_final == message.is_final}
    return IdempotencyConflictError(
        payment_id=payment.id, fields=[name for name, is_same in same.items() if not is_same]
    )


def _amount(payment: Payment, message: Operate) -> int | None:
    if message.currency is not None and message.currency != payment.currency:
        raise ValidationError(
            [FieldError("currency", f"the payment is in {payment.currency}", shown(message.currency))],
            hint="Leave the currency out, or use the payment's.",
        )
    return None if message.amount is None else parse_amount(message.amount, payment.currency)


def _check_contract(desk: Desk, payment: Payment, message: Operate, amount_minor: int | None) -> None:
    """Refuse before anything is asked what the gateway that holds the money cannot do."""
    contract, name = _contract(desk, payment)
    if message.kind is OperationKind.REFUND:
        if not contract.refund:
            raise UnsupportedOperationError(f"{name} cannot refund")
        return
    if contract.capture is CaptureSupport.NONE:
        raise UnsupportedOperationError(f"{name} cannot capture what it authorized before")
    if contract.capture in {CaptureSupport.FULL, CaptureSupport.PARTIAL} and not message.is_final:
        raise UnsupportedOperationError(f"{name} takes one capture per payment: is_final=False is not possible")
    is_part = amount_minor is not None and amount_minor < payment.authorized_minor
    if contract.capture is CaptureSupport.FULL and is_part:
        raise UnsupportedOperationError(f"{name} captures only the whole amount authorized")


def _contract(desk: Desk, payment: Payment) -> tuple[GatewayContract, str]:
    approved = payment.approved_attempt
    assert approved is not None, "checked before"
    contract = desk.asking.contract(payment, approved)
    if contract is None:
        raise UnknownGatewayError(f"{approved.gateway}, which holds the money of {payment.id}, is not registered")
    return contract, approved.gateway


def _refuse(
    payment: Payment, kind: OperationKind, rejection: Rejection, command: str, amount_minor: int | None = None
) -> NoReturn:
    if rejection not in _MISFITS:
        raise IllegalTransitionError(state=payment.state.value, command=command, reason=rejection.value)
    left_minor = payment.refundable_minor if kind is OperationKind.REFUND else payment.capturable_minor
    asked = f"a {kind}" if amount_minor is None else f"a {kind} of {Money(amount_minor, payment.currency)}"
    left = Money(left_minor, payment.currency)
    raise OperationRefusedError(
        f"{asked} is not possible: {rejection.replace('_', ' ')}; {left} is left",
        payment_id=payment.id,
        kind=kind.value,
        reason=rejection.value,
        available_minor=left_minor,
    )


# --- cancelling -------------------------------------------------------------------------------------


async def cancel(desk: Desk, message: CancelPayment) -> Payment:
    """Cancel, ask for a void, or remember the cancel until it is known whether there is anything to release."""
    payment = desk.existing()
    if payment.state is PaymentState.AUTHORIZED:
        contract, name = _contract(desk, payment)
        if not contract.void:
            raise UnsupportedOperationError(
                f"{name} cannot release an authorization; it lapses at {payment.expires_at.isoformat()}"
            )
    key = message.key if message.key is not None else _next_cancel(payment)
    reference = operation_id(payment.id, OperationKind.VOID, key)
    gateway = payment.gateway or ""
    draft = desk.draft()
    rejection = draft.apply(
        c.CancelPayment(
            at=desk.services.now(),
            reason=message.reason,
            operation_id=reference,
            idempotency_key=operation_key(reference, gateway),
            deadline_at=desk.services.patience(gateway),
            key=key,
        )
    )
    if rejection is not None:
        _refuse(payment, OperationKind.VOID, rejection, "CancelPayment")
    return await desk.commit(draft)


def _next_cancel(payment: Payment) -> str:
    """Return one key for all who want it cancelled, until a try has failed."""
    failed = sum(op.kind is OperationKind.VOID and op.status is OperationStatus.FAILED for op in payment.operations)
    return f"cancel-{failed + 1}"


# --- the payer's return -----------------------------------------------------------------------------


async def complete_action(desk: Desk, message: CompleteAction) -> Payment:
    """Ask the gateway what came of the payer's action: that he came back is a hint, not the truth."""
    payment = desk.existing()
    attempt = payment.open_attempt
    if payment.state is not PaymentState.REQUIRES_ACTION:
        return payment
    if attempt is None:
        return await _go_on_after_action(desk)
    if desk.asking.is_under_way(attempt):
        # What the gateway is answering just now it may have seen before the payer acted.
        desk.completion = message
        return payment
    entry = desk.services.gateways.get(attempt.gateway)
    if entry is None:
        raise UnknownGatewayError(f"{attempt.gateway}, which waits for the payer of {payment.id}, is not registered")
    if finishes_actions(entry.gateway) and not payment.is_cancel_requested:
        # It may charge when told so, so it is on disk first that it is being told.
        draft = desk.draft()
        apply(draft, c.CompleteAction(at=desk.services.now(), is_passed=True))
        payment = await desk.commit(draft)
        sent = payment.open_attempt
        assert sent is not None
        desk.asking.place(payment, sent, Purpose.COMPLETE, message.parameters)
    elif desk.asking.question(payment, attempt, desk.begun(attempt)) is Purpose.LOOKUP:
        desk.asking.place(payment, attempt, Purpose.LOOKUP)
    else:
        raise UnsupportedOperationError(
            f"{attempt.gateway} cannot be asked what came of it", hint="Wait for its webhook."
        )
    return payment


async def complete_what_waits(desk: Desk) -> None:
    """Ask again for a payer who came back while the gateway was being asked."""
    message, payment = desk.completion, desk.payment
    attempt = None if payment is None else payment.open_attempt
    if message is None or (attempt is not None and desk.asking.is_under_way(attempt)):
        return
    desk.completion = None
    with contextlib.suppress(GatewayError):
        await complete_action(desk, message)


async def _go_on_after_action(desk: Desk) -> Payment:
    draft = desk.draft()
    apply(draft, c.CompleteAction(at=desk.services.now(), is_passed=True))
    await desk.charging.next_attempt(draft)
    return await desk.commit(draft)


# --- operators --------------------------------------------------------------------------------------


async def resolve(desk: Desk, message: ResolveDoubt) -> Payment:
    """Take an operator's verdict for the outcome of what is in doubt."""
    payment = desk.existing()
    sent = doubt_meant(payment, message.said.reference)
    if desk.asking.is_under_way(sent):
        raise BeingAskedError(f"{gateway_of(payment, sent)} is being asked about {sent.id}")
    contract = desk.asking.contract(payment, sent) or GatewayContract()
    _ask_how_much(payment, sent, contract, message.said)
    draft = desk.draft()
    apply(
        draft,
        verdict_command(
            payment,
            sent,
            message.said,
            at=desk.services.now(),
            authorization_validity_s=contract.authorization_validity_s,
        ),
    )
    return await desk.commit(draft)


def _ask_how_much(payment: Payment, sent: Sent, contract: GatewayContract, said: Testimony) -> None:
    may_be_part = isinstance(sent, Attempt) and payment.request.capture is CaptureMode.MANUAL
    if said.verdict is Verdict.EXECUTED and said.amount is None and may_be_part and contract.partial_authorization:
        raise ValidationError(
            [FieldError("amount", "say how much was authorized: this gateway may authorize less than was asked")],
            hint="Give the amount that the gateway shows.",
        )


async def close_incident(desk: Desk, message: CloseIncident) -> Payment:
    """Note that a person has looked at an incident."""
    draft = desk.draft()
    apply(
        draft,
        c.CloseIncident(
            at=desk.services.now(),
            incident_id=message.incident_id,
            operator=message.operator,
            detail=message.detail,
        ),
    )
    return await desk.commit(draft)
