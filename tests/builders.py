"""Small builders: requests, commands with fixed ids and times, payments in every state by real commands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from aegispay.domain import commands as c
from aegispay.domain.contract import GatewayContract
from aegispay.domain.decide import decide
from aegispay.domain.draft import Draft
from aegispay.domain.events import Event
from aegispay.domain.keys import cancel_id
from aegispay.domain.outcome import (
    ActionKind,
    Approved,
    Declined,
    DeclineKind,
    NextAction,
    NotProcessed,
    OutcomeUnknown,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.request import PaymentRequest, parse_request
from aegispay.domain.routing import GatewaySnapshot, RoutingDecision, RoutingRequest, RoutingStrategy, route
from aegispay.domain.state import OperationKind, PaymentState

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
ID = "pay_00000000000000000000000001"
AMOUNT = 10_000


def request(**changes: Any) -> PaymentRequest:
    fields: dict[str, Any] = {
        "idempotency_key": "order-1",
        "amount": "100.00",
        "currency": "USD",
        "payment_method": {"type": "card", "token": "tok_visa"},
        "customer": {"id": "cust-1"},
        "metadata": {"basket": ["shoes"]},
    }
    return parse_request(**(fields | changes))


def decision(name: str = "alpha") -> RoutingDecision:
    snapshots = [GatewaySnapshot(name=name, contract=GatewayContract())]
    wanted = RoutingRequest(amount_minor=AMOUNT, currency="USD", method=request().payment_method.type)
    return route(snapshots, wanted, strategy=RoutingStrategy.HIGHEST_SUCCESS_RATE)


def create(**changes: Any) -> c.CreatePayment:
    made = request(**changes)
    return c.CreatePayment(at=NOW, request=made, fingerprint=made.fingerprint(), expires_at=NOW + timedelta(days=7))


def authenticate() -> c.AuthenticatePayment:
    return c.AuthenticatePayment(at=NOW)


def start(number: int = 1, gateway: str = "alpha") -> c.StartAttempt:
    return c.StartAttempt(
        at=NOW,
        gateway=gateway,
        operation_id=f"{ID}-a{number}",
        idempotency_key=f"{ID}-a{number}-{gateway}",
        request_digest="digest",
        deadline_at=NOW + timedelta(seconds=40),
        decision=decision(gateway),
    )


def outcome(result: Any, number: int = 1, **changes: Any) -> c.RecordOutcome:
    fields: dict[str, Any] = {
        "at": NOW,
        "operation_id": f"{ID}-a{number}",
        "outcome": result,
        "next_check_at": NOW + timedelta(seconds=1),
        "authorization_expires_at": NOW + timedelta(days=7),
    }
    return c.RecordOutcome(**(fields | changes))


def approved(
    reference: str = "ref-1", amount_minor: int = AMOUNT, currency: str = "USD", *, is_partial: bool = False
) -> Approved:
    return Approved(reference=reference, amount_minor=amount_minor, currency=currency, is_partial=is_partial)


def hard() -> Declined:
    return Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="05")


def soft() -> Declined:
    return Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE)


def not_sent() -> NotProcessed:
    return NotProcessed(reason=Reason.NOT_SENT)


def unknown() -> OutcomeUnknown:
    return OutcomeUnknown(reason=Reason.TIMEOUT)


def wants_payer() -> RequiresAction:
    action = NextAction(kind=ActionKind.REDIRECT, url="https://bank.example", expires_at=NOW + timedelta(minutes=15))
    return RequiresAction(reference="ref-1", action=action)


def cancel() -> c.CancelPayment:
    return c.CancelPayment(
        at=NOW,
        reason="requested",
        operation_id="void-1",
        idempotency_key="void-1",
        deadline_at=NOW + timedelta(seconds=40),
        key="void-1",
    )


def operate(kind: OperationKind, amount_minor: int | None, name: str, *, is_final: bool = True) -> c.RequestOperation:
    return c.RequestOperation(
        at=NOW,
        kind=kind,
        operation_id=name,
        amount_minor=amount_minor,
        idempotency_key=name,
        deadline_at=NOW + timedelta(seconds=40),
        is_final=is_final,
        key=name,
    )


def capture(amount_minor: int | None, name: str = "cap-1", *, is_final: bool = True) -> c.RequestOperation:
    return operate(OperationKind.CAPTURE, amount_minor, name, is_final=is_final)


def refund(amount_minor: int | None, name: str = "ref-1") -> c.RequestOperation:
    return operate(OperationKind.REFUND, amount_minor, name)


def recorded(name: str, result: Any = None, *, amount_minor: int = AMOUNT, **changes: Any) -> c.RecordOperation:
    fields: dict[str, Any] = {
        "at": NOW,
        "operation_id": name,
        "outcome": approved(f"op-{name}", amount_minor) if result is None else result,
        "next_check_at": NOW + timedelta(seconds=1),
    }
    return c.RecordOperation(**(fields | changes))


def repeat_cancel(number: int = 2, *, after_s: float = 1.0) -> c.RepeatCancel:
    """Return the engine's next own try, by default when the first one is due to be repeated."""
    name = cancel_id(ID, number)
    at = NOW + timedelta(seconds=after_s)
    return c.RepeatCancel(at=at, operation_id=name, idempotency_key=f"{name}-alpha", deadline_at=at)


def chargeback(amount_minor: int = AMOUNT, reference: str = "dispute-1", currency: str = "USD") -> c.ReportChargeback:
    return c.ReportChargeback(at=NOW, reference=reference, amount_minor=amount_minor, currency=currency)


def expire(after: timedelta) -> c.ExpirePayment:
    return c.ExpirePayment(at=NOW + after)


def after(*commands: c.Command, payment: Payment | None = None) -> Payment:
    """Return the payment after commands that must all be accepted."""
    draft = Draft(ID, payment)
    for command in commands:
        rejection = draft.apply(command)
        assert rejection is None, f"{type(command).__name__}: {rejection}"
    assert draft.payment is not None
    return draft.payment


def processing(**changes: Any) -> Payment:
    return after(create(**changes), authenticate(), start())


def in_doubt(**changes: Any) -> Payment:
    return after(outcome(unknown()), payment=processing(**changes))


def authorized() -> Payment:
    return after(outcome(approved()), payment=processing(capture="manual"))


def partially_authorized(amount_minor: int = 6_000) -> Payment:
    part = approved(amount_minor=amount_minor, is_partial=True)
    return after(outcome(part), payment=processing(capture="manual"))


def cancelled_too_late(**changes: Any) -> Payment:
    """Return an approved payment whose cancel was remembered: the engine itself releases or returns the money."""
    return after(cancel(), outcome(approved()), payment=in_doubt(**changes))


def succeeded() -> Payment:
    return after(outcome(approved()), payment=processing())


def in_state(state: PaymentState) -> Payment:
    """Return a payment in the state, reached by real commands."""
    match state:
        case PaymentState.INITIATED:
            return after(create())
        case PaymentState.REQUIRES_ACTION:
            return after(outcome(wants_payer()), payment=processing())
        case PaymentState.AUTHENTICATED:
            return after(create(), authenticate())
        case PaymentState.PROCESSING:
            return processing()
        case PaymentState.AUTHORIZED:
            return authorized()
        case PaymentState.SUCCESS:
            return succeeded()
        case PaymentState.FAILURE:
            return after(outcome(hard()), payment=processing())
        case PaymentState.CANCELLED:
            return after(create(), cancel())
        case PaymentState.PARTIALLY_REFUNDED:
            return after(refund(4_000), recorded("ref-1", amount_minor=4_000), payment=succeeded())
        case PaymentState.REFUNDED:
            return after(refund(None), recorded("ref-1"), payment=succeeded())


def decided(payment: Payment | None, command: c.Command) -> tuple[Event, ...]:
    """Return the events of a command that must be accepted."""
    decision = decide(payment, command)
    assert not isinstance(decision, Rejection), f"{type(command).__name__}: {decision}"
    return decision


def names(events: Iterable[Event]) -> list[str]:
    """Return the stored names of events without their common beginning."""
    return [event.type.removeprefix("payment.") for event in events]
