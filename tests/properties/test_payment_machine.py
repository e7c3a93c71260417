"""Any sequence of commands with any outcomes: the table is never left, the rules hold, and the log is the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aegispay.domain import commands as c
from aegispay.domain import decide as decide_module
from aegispay.domain import events as e
from aegispay.domain.decide import decide
from aegispay.domain.evidence import Evidence
from aegispay.domain.evolve import evolve, replay
from aegispay.domain.invariants import check
from aegispay.domain.outcome import (
    Approved,
    Declined,
    DeclineKind,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
)
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.state import AttemptStatus, OperationKind, OperationStatus, PaymentState
from aegispay.domain.timers import wake_at
from aegispay.domain.transitions import targets
from tests import builders as b
from tests.properties.books import Books

REASONS = st.sampled_from(Reason)
REFERENCES = st.sampled_from(["ref-1", "ref-2"])
AMOUNTS = st.sampled_from([1, 2_500, 4_000, 5_000, b.AMOUNT - 1, b.AMOUNT, b.AMOUNT + 1])
APPROVED = st.builds(
    Approved,
    reference=REFERENCES,
    amount_minor=AMOUNTS,
    currency=st.sampled_from(["USD", "EUR"]),
    is_partial=st.booleans(),
)
OUTCOMES = st.one_of(
    st.builds(b.approved, REFERENCES),
    APPROVED,
    st.just(b.wants_payer()),
    st.builds(Pending, reference=REFERENCES),
    st.builds(Declined, kind=st.sampled_from(DeclineKind), reason=REASONS),
    st.builds(NotProcessed, reason=REASONS),
    st.builds(OutcomeUnknown, reason=REASONS),
    st.just(InvalidRequest()),
    st.just(GatewayMisconfigured()),
    st.just(Duplicate()),
)
OPERATION_IDS = st.sampled_from(["op-1", "op-2", "op-3", "void-1"])
EVIDENCE = st.sampled_from([*Evidence, Evidence.OPERATOR])
POLICIES = st.builds(RetryPolicy, attempts_max=st.integers(1, 4), failover_on_soft_decline=st.booleans())
BEGUN = (b.authenticate(), b.start())
WAYS = [
    (),
    (b.authenticate(),),
    BEGUN,
    (*BEGUN, b.outcome(b.unknown())),
    (*BEGUN, b.outcome(b.wants_payer())),
    (*BEGUN, b.outcome(b.wants_payer()), b.cancel()),
    (*BEGUN, b.outcome(b.unknown()), b.cancel()),
    (*BEGUN, b.outcome(b.not_sent())),
    (*BEGUN, b.outcome(b.not_sent()), b.start(2, "beta"), b.outcome(b.approved(), 1)),
    (*BEGUN, b.outcome(b.not_sent()), b.start(2, "beta")),
    (*BEGUN, b.outcome(b.approved())),
    (*BEGUN, b.outcome(b.approved())),
    (*BEGUN, b.outcome(b.unknown()), b.cancel(), b.outcome(b.approved())),
]
FINAL = {state: {state} for state in PaymentState if state.is_final} | {
    PaymentState.SUCCESS: {PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED},
    PaymentState.PARTIALLY_REFUNDED: {PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED},
}


def may_have_moved(payment: Payment) -> list[int]:
    return [attempt.number for attempt in payment.attempts if attempt.status is not AttemptStatus.FAILED]


class PaymentMachine(RuleBasedStateMachine):
    """One payment under arbitrary orders; each accepted one goes through the log, as in the engine."""

    def __init__(self) -> None:
        super().__init__()
        self.now = b.NOW
        self.payment: Payment | None = None
        self.log: list[tuple[str, int, bytes]] = []
        self.books = Books(is_manual=False)

    # --- carrying a command out ---------------------------------------------------------------------------

    def tell(self, command: c.Command) -> bool:
        """Decide, append and evolve; return whether the command was accepted."""
        before = self.payment
        decision = decide(before, command)
        assert decision == decide(before, command), "decide is not a function"
        if isinstance(decision, Rejection):
            return False
        for event in decision:
            self._append(event)
        if before is not None and self.payment is not None:
            assert self.payment.state in FINAL.get(before.state, set(PaymentState)), "a final state was left"
        if self.payment is not None:
            check(self.payment)
            self._book(before, command, decision)
        return True

    def _book(self, before: Payment | None, command: c.Command, events: tuple[e.Event, ...]) -> None:
        """Write down what was asked and answered; of the events only that something was asked for."""
        if before is None:
            return
        match command:
            case c.RecordOutcome(operation_id=reference, outcome=Approved() as outcome):
                if before.open_attempt is not None and before.open_attempt.operation_id == reference:
                    self.books.approved(outcome)
            case c.RecordOperation(operation_id=reference, outcome=outcome):
                self.books.answered(reference, outcome)
            case c.ReportChargeback(reference=reference, amount_minor=amount_minor, currency=currency):
                self.books.taken_back(reference, amount_minor, currency)
            case _:
                pass
        asked = command.amount_minor if isinstance(command, c.RequestOperation) else None
        for event in events:
            if isinstance(event, e.OperationRequested):
                self.books.requested(event.operation_id, event.kind, asked)

    def _append(self, event: e.Event) -> None:
        before = self.payment
        source = None if before is None else before.state
        if isinstance(event, e.AttemptStarted) and before is not None:
            assert not may_have_moved(before), "an attempt starts beside one that may have moved money"
            assert not before.is_cancel_requested, "an attempt starts after a cancel"
            assert Reason.LATE_APPROVAL not in {i.reason for i in before.incidents}, "money moved already"
        self.payment = evolve(before, event, payment_id=b.ID)
        assert self.payment.state in targets(source, event.type), "the table was left"
        self.log.append((event.type, event.schema_version, e.encode(event)))
        assert replay(b.ID, [e.decode(*stored) for stored in self.log]) == self.payment, "the log is not the state"

    def soon(self) -> datetime:
        return self.now + timedelta(seconds=40)

    # --- commands -----------------------------------------------------------------------------------------

    @initialize(capture=st.sampled_from(["automatic", "manual"]), way=st.sampled_from(WAYS))
    def create(self, capture: str, way: tuple[c.Command, ...]) -> None:
        """Begin somewhere on the way, or hardly any sequence would come as far as a refund."""
        self.books = Books(is_manual=capture == "manual")
        for command in (b.create(capture=capture), *way):
            assert self.tell(command)

    @rule(seconds=st.sampled_from([0, 1, 1_000, 10**6]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(amount=st.sampled_from(["100.00", "200.00"]))
    def create_again(self, amount: str) -> None:
        assert self.payment is not None
        capture = self.payment.request.capture
        assert self.tell(b.create(capture=capture, amount=amount)) is (amount == "100.00")

    @rule()
    def authenticate(self) -> None:
        self.tell(c.AuthenticatePayment(at=self.now))

    @rule()
    def require_action(self) -> None:
        self.tell(c.RequireAction(at=self.now, action=b.wants_payer().action, gateway="alpha"))

    @rule(is_passed=st.booleans())
    def complete_action(self, is_passed: bool) -> None:
        self.tell(c.CompleteAction(at=self.now, is_passed=is_passed))

    @rule(reason=REASONS)
    def refuse(self, reason: Reason) -> None:
        self.tell(c.RefusePayment(at=self.now, reason=reason))

    @rule(gateway=st.sampled_from(["alpha", "beta"]))
    def start_attempt(self, gateway: str) -> None:
        assert self.payment is not None
        self.tell(replace(b.start(len(self.payment.attempts) + 1, gateway), at=self.now, deadline_at=self.soon()))

    @rule(data=st.data(), outcome=OUTCOMES, policy=POLICIES, evidence=EVIDENCE)
    def record_outcome(self, data: st.DataObject, outcome: Any, policy: RetryPolicy, evidence: Evidence) -> None:
        before = self.payment
        assert before is not None
        number = data.draw(st.integers(1, max(1, len(before.attempts))))
        command = b.outcome(
            outcome, number, at=self.now, policy=policy, next_check_at=self.soon(), evidence=evidence,
            authorization_expires_at=self.now + timedelta(days=7),
        )  # fmt: skip
        if self.tell(command):
            assert evidence is not Evidence.OPERATOR or before.is_charge_in_doubt, "a verdict without a doubt"
            self._is_accounted_for(number, outcome)
            self._changes_nothing_again(command)

    def _changes_nothing_again(self, command: c.RecordOutcome | c.RecordOperation) -> None:
        again = decide(self.payment, command)
        if command.evidence is Evidence.OPERATOR and isinstance(again, Rejection):
            assert again is Rejection.NOT_IN_DOUBT
            return
        news_of_nothing = (e.OutcomeBecameUnknown, e.OperationBecameUnknown)
        assert all(isinstance(event, news_of_nothing) for event in b.decided(self.payment, command)), "counted twice"

    def _is_accounted_for(self, number: int, outcome: Any) -> None:
        """Money that a gateway reports is counted in the payment, or a person is told."""
        assert self.payment is not None
        attempt = self.payment.attempts[number - 1]
        if isinstance(outcome, Approved):
            is_counted = attempt.status is AttemptStatus.APPROVED and attempt.reference == outcome.reference
            is_exact = (outcome.amount_minor, outcome.currency) == (self.payment.authorized_minor, "USD")
            about = [incident for incident in self.payment.incidents if incident.id.startswith(attempt.operation_id)]
            assert (is_counted and is_exact) or about, "an approval was swallowed"

    @rule(operation_id=OPERATION_IDS)
    def cancel(self, operation_id: str) -> None:
        self.tell(
            replace(b.cancel(), at=self.now, operation_id=operation_id, key=operation_id, deadline_at=self.soon())
        )

    @rule()
    def repeat_cancel(self) -> None:
        """As the engine does when the payment's timer is due, and also before."""
        assert self.payment is not None
        own = sum(not operation.key for operation in self.payment.operations)
        if self.tell(replace(b.repeat_cancel(own + 1), at=self.now, deadline_at=self.soon())):
            assert decide(self.payment, replace(b.repeat_cancel(own + 2), at=self.now)) == (), "two tries at once"

    @rule(amount_minor=AMOUNTS | st.integers(-1, 0), reference=REFERENCES, currency=st.sampled_from(["USD", "EUR"]))
    def charge_back(self, amount_minor: int, reference: str, currency: str) -> None:
        self.tell(replace(b.chargeback(amount_minor, reference, currency), at=self.now))

    @rule(
        kind=st.sampled_from(OperationKind),
        amount_minor=st.none() | AMOUNTS | st.integers(-1, 0),
        operation_id=OPERATION_IDS,
        is_final=st.booleans(),
    )
    def request_operation(
        self, kind: OperationKind, amount_minor: int | None, operation_id: str, is_final: bool
    ) -> None:
        command = b.operate(kind, amount_minor, operation_id, is_final=is_final)
        self.tell(replace(command, at=self.now, deadline_at=self.soon()))

    @rule(data=st.data(), outcome=OUTCOMES, is_exact=st.booleans(), evidence=EVIDENCE)
    def record_operation(self, data: st.DataObject, outcome: Any, is_exact: bool, evidence: Evidence) -> None:
        assert self.payment is not None
        requested = [operation.id for operation in self.payment.operations]
        operation_id = data.draw(st.sampled_from(requested or ["op-1"]))
        known = self.payment.find_operation(operation_id)
        if is_exact and known is not None and isinstance(outcome, Approved):
            outcome = b.approved(outcome.reference, known.amount_minor)
        command = b.recorded(operation_id, outcome, at=self.now, next_check_at=self.soon(), evidence=evidence)
        if self.tell(command):
            is_doubt = known is not None and known.status is OperationStatus.UNKNOWN
            assert evidence is not Evidence.OPERATOR or is_doubt, "a verdict without a doubt"
            self._changes_nothing_again(command)

    @rule()
    def expire(self) -> None:
        self.tell(c.ExpirePayment(at=self.now))

    @rule(name=st.sampled_from(["i-1", "i-2"]), reason=REASONS, opens=st.booleans())
    def incident(self, name: str, reason: Reason, opens: bool) -> None:
        if opens:
            self.tell(c.OpenIncident(at=self.now, incident_id=name, reason=reason, detail=""))
        else:
            self.tell(c.CloseIncident(at=self.now, incident_id=name, operator="olga", detail=""))

    @rule(parks=st.sampled_from([True, False, False, False]))
    def park_or_unpark(self, parks: bool) -> None:
        self.tell(c.ParkPayment(at=self.now, cause="") if parks else c.UnparkPayment(at=self.now, operator="olga"))

    # --- what is always true ------------------------------------------------------------------------------

    @invariant()
    def at_most_one_attempt_may_move_money(self) -> None:
        assert self.payment is None or len(may_have_moved(self.payment)) <= 1

    @invariant()
    def amounts_add_up(self) -> None:
        if self.payment is not None:
            self.books.agree_with(self.payment)

    @invariant()
    def an_unfinished_payment_has_a_timer(self) -> None:
        p = self.payment
        if p is None or p.is_parked:
            return
        is_given_up = Reason.CANCEL_NOT_EXECUTED in {incident.reason for incident in p.incidents}
        is_cancel_due = p.is_cancel_requested and p.captured_minor > 0 and p.refundable_minor > 0 and not is_given_up
        needs_one = not p.state.is_final or p.has_open_operation or is_cancel_due
        assert (wake_at(p) is not None) is needs_one


PaymentMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
TestPaymentMachine = PaymentMachine.TestCase


# --- with a protection switched off, the machine must see the bug -----------------------------------------


def machine_after(*way: c.Command) -> PaymentMachine:
    machine = PaymentMachine()
    machine.create("automatic", way)
    return machine


def test_without_the_rule_of_one_open_attempt_the_machine_finds_the_second_charge(monkeypatch):
    start = decide_module._HANDLERS[c.StartAttempt]

    def unguarded(payment: Payment, command: c.StartAttempt) -> Any:
        decision = start(replace(payment, attempts=()), command)
        if isinstance(decision, Rejection):
            return decision
        started = [event for event in decision if isinstance(event, e.AttemptStarted)]
        return tuple(replace(event, number=len(payment.attempts) + 1) for event in started)

    monkeypatch.setitem(decide_module._HANDLERS, c.StartAttempt, unguarded)
    with pytest.raises(AssertionError, match="an attempt starts beside one that may have moved money"):
        machine_after(*BEGUN, b.outcome(b.unknown())).start_attempt("beta")


def test_without_the_rule_about_late_approvals_the_machine_finds_the_second_charge(monkeypatch):
    monkeypatch.setattr(Payment, "has_late_approval", False)
    machine = machine_after(*BEGUN, b.outcome(b.not_sent()), b.start(2, "beta"), b.outcome(b.approved(), 1))
    machine.tell(b.outcome(b.not_sent(), 2))
    with pytest.raises(AssertionError, match="money moved already"):
        machine.start_attempt("gamma")


def test_when_unknown_operations_release_their_reservation_the_machine_finds_amounts_that_do_not_add_up(monkeypatch):
    def requested_only(payment: Payment, kind: OperationKind) -> int:
        return sum(
            op.amount_minor for op in payment.operations if op.kind is kind and op.status is OperationStatus.REQUESTED
        )

    monkeypatch.setattr(Payment, "reserved_minor", requested_only)
    machine = machine_after(*BEGUN, b.outcome(b.approved()))
    machine.request_operation(OperationKind.REFUND, 6_000, "op-1", is_final=True)
    machine.tell(b.recorded("op-1", b.unknown()))
    machine.request_operation(OperationKind.REFUND, 6_000, "op-2", is_final=True)
    with pytest.raises(AssertionError, match="the books disagree with the payment"):
        machine.amounts_add_up()
