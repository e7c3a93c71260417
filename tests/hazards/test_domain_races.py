"""Hazards of order, repetition and silence, in the pure domain: what arrives when, and twice, and never."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.evolve import replay
from aegispay.domain.invariants import check
from aegispay.domain.outcome import Pending
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.domain.timers import wake_at
from tests import builders as b

S, K = PaymentState, OperationKind


def told(payment: Payment, command: c.Command) -> Payment | Rejection:
    decision = decide(payment, command)
    return decision if isinstance(decision, Rejection) else check(replay(b.ID, decision, payment) or payment)


# --- C1: void against capture ---------------------------------------------------------------------------

LOSERS = {Rejection.CAPTURE_IN_PROGRESS, Rejection.VOID_IN_PROGRESS, Rejection.NOT_ALLOWED_IN_THIS_STATE}


class Race:
    """One authorization, somebody who voids, somebody who captures, and a gateway whose answers may get lost."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.payment = b.authorized()
        self.executed: list[str] = []
        self.refusals: list[Rejection] = []

    def ask(self, command: c.Command) -> None:
        found = told(self.payment, command)
        if isinstance(found, Rejection):
            self.refusals.append(found)
        else:
            self.payment = found

    def deliver(self) -> None:
        """Let the gateway see one open request, or be asked about it, and perhaps lose its answer."""
        still_open = [operation for operation in self.payment.operations if operation.status.is_open]
        if not still_open:
            return
        operation = self.draw.choice(still_open)
        if operation.id not in self.executed:
            self.executed.append(operation.id)
        is_lost = self.draw.random() < 0.5
        answer = b.unknown() if is_lost else b.approved(f"op-{operation.id}", operation.amount_minor)
        self.payment = b.after(b.recorded(operation.id, answer), payment=self.payment)

    def run(self) -> None:
        wishes = [b.cancel(), b.capture(None), b.cancel(), b.capture(None)]
        self.draw.shuffle(wishes)
        while wishes or self.payment.has_open_operation:
            if wishes and self.draw.random() < 0.5:
                self.ask(wishes.pop())
            else:
                self.deliver()


def test_c1_of_a_void_and_a_capture_exactly_one_wins_in_a_thousand_interleavings():
    winners: Counter[str] = Counter()
    for seed in range(1_000):
        race = Race(seed)
        race.run()
        done = [op.kind for op in race.payment.operations if op.status is OperationStatus.SUCCEEDED]
        assert [op.id for op in race.payment.operations if op.id in race.executed] == race.executed, seed
        assert len(done) == len(race.executed) == 1, seed
        assert race.payment.state is (S.SUCCESS if done == [K.CAPTURE] else S.CANCELLED), seed
        assert race.refusals, seed
        assert set(race.refusals) <= LOSERS, seed
        winners[done[0]] += 1
    assert min(winners[K.VOID], winners[K.CAPTURE]) > 300


# --- C4: any order --------------------------------------------------------------------------------------


def manual(payment: Payment) -> Payment:
    return b.after(b.capture(3_000, "cap-1", is_final=False), b.capture(5_000, "cap-2"), payment=payment)


NEWS: dict[str, tuple[Callable[[], Payment], list[c.Command]]] = {
    "about a charge": (b.processing, [
        b.outcome(b.unknown()), b.outcome(Pending(reference="ref-1")), b.outcome(b.wants_payer()),
        b.outcome(b.approved()), b.outcome(b.approved())]),
    "about an authorization": (lambda: b.processing(capture="manual"), [
        b.outcome(b.unknown()), b.outcome(Pending(reference="ref-1")),
        b.outcome(b.approved(amount_minor=7_000, is_partial=True)), b.outcome(b.wants_payer())]),
    "about a declined charge": (b.processing, [
        b.outcome(b.hard()), b.outcome(b.hard()), b.outcome(b.unknown()), b.outcome(Pending(reference="ref-1"))]),
    "about a charge that is being cancelled": (lambda: b.after(b.cancel(), payment=b.in_doubt()), [
        b.outcome(b.unknown()), b.outcome(b.wants_payer()), b.outcome(b.approved()), b.outcome(b.approved())]),
    "about two captures": (lambda: manual(b.authorized()), [
        b.recorded("cap-1", amount_minor=3_000), b.recorded("cap-2", amount_minor=5_000),
        b.recorded("cap-1", b.unknown()), b.recorded("cap-2", amount_minor=5_000)]),
    "about a capture that failed and the last one": (lambda: manual(b.authorized()), [
        b.recorded("cap-1", b.hard()), b.recorded("cap-2", amount_minor=5_000), b.recorded("cap-2", b.unknown())]),
    "about refunds and a dispute": (
        lambda: b.after(b.refund(3_000, "ref-1"), b.refund(4_000, "ref-2"), payment=b.succeeded()), [
            b.recorded("ref-1", amount_minor=3_000), b.recorded("ref-2", b.hard()), b.chargeback(2_000),
            b.chargeback(2_000), b.recorded("ref-1", amount_minor=3_000)]),
}  # fmt: skip


def outcome_of(payment: Payment) -> tuple[object, ...]:
    """Return everything that matters in the end: not when news came, nor what a failed attempt is called."""
    p = payment
    return (
        p.state, p.authorized_minor, p.captured_minor, p.refunded_minor, p.charged_back_minor, p.chargebacks,
        [(attempt.status, attempt.reference if attempt is p.approved_attempt else None) for attempt in p.attempts],
        [(op.id, op.status, op.reference) for op in p.operations],
        p.failure, [incident.id for incident in p.incidents],
    )  # fmt: skip


@pytest.mark.parametrize("news", NEWS)
def test_c4_every_order_of_the_same_news_comes_to_the_same(news):
    build, commands = NEWS[news]
    ends = {}
    for order in itertools.permutations(commands):
        payment = build()
        for command in order:
            found = told(payment, command)
            payment = payment if isinstance(found, Rejection) else found
        ends[repr(outcome_of(payment))] = [type(command).__name__ for command in order]
    assert len(ends) == 1, ends


def test_c4_news_that_contradicts_itself_is_told_in_either_order():
    for order in itertools.permutations([b.outcome(b.approved()), b.outcome(b.hard())]):
        payment = check(b.after(*order, payment=b.processing()))
        assert len(payment.incidents) == 1


# --- D1: one key, one request ---------------------------------------------------------------------------

OTHERS: dict[str, dict[str, Any]] = {
    "amount": {"amount": "100.01"},
    "currency": {"currency": "EUR"},
    "method": {"payment_method": {"type": "card", "token": "tok_other"}},
    "customer": {"customer": {"id": "cust-2"}},
    "metadata": {"metadata": {"basket": []}},
    "capture": {"capture": "manual"},
    "gateway": {"gateway": "alpha"},
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("state", S)
def test_d1_the_same_key_with_another_request_is_refused_and_changes_nothing(state, other):
    payment = b.in_state(state)
    changed: dict[str, Any] = {"capture": payment.request.capture} | OTHERS[other]
    if other == "capture" and state is S.AUTHORIZED:
        changed = {"capture": "automatic"}
    assert decide(payment, b.create(**changed)) is Rejection.KEY_USED_FOR_ANOTHER_REQUEST


@pytest.mark.parametrize("state", S)
def test_d1_the_same_key_with_the_same_request_is_the_same_payment(state):
    payment = b.in_state(state)
    assert decide(payment, b.create(capture=payment.request.capture)) == ()


def test_d1_an_operations_key_with_another_request_is_refused():
    capturing = b.after(b.capture(4_000), payment=b.authorized())
    refunding = b.after(b.refund(4_000), payment=b.succeeded())
    used = Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST
    assert decide(capturing, b.capture(None)) is used
    assert decide(capturing, b.capture(4_000, is_final=False)) is used
    assert decide(refunding, b.refund(None)) is used
    assert decide(refunding, b.refund(4_001)) is used


# --- E3: no error ends the asking -----------------------------------------------------------------------

ASKED = {
    "charge": (b.in_doubt, lambda at: b.outcome(b.unknown(), at=at, next_check_at=at + timedelta(hours=1))),
    "capture": (lambda: b.after(b.capture(None, "op"), payment=b.authorized()), None),
    "void": (lambda: b.after(b.cancel(), payment=b.authorized()), None),
    "refund": (lambda: b.after(b.refund(None, "op"), payment=b.succeeded()), None),
}


@pytest.mark.parametrize("asked", ASKED)
def test_e3_however_often_asking_fails_there_is_exactly_one_next_time(asked):
    build, ask = ASKED[asked]
    payment = build()
    name = payment.operations[0].id if payment.operations else ""
    for hour in range(100):
        at = b.NOW + timedelta(hours=hour)
        again_at = at + timedelta(hours=1)
        command = ask(at) if ask else b.recorded(name, b.unknown(), at=at, next_check_at=again_at)
        payment = check(b.after(command, payment=payment))
        assert wake_at(payment) == again_at


@pytest.mark.parametrize("state", S)
def test_e3_a_payment_has_a_timer_exactly_while_it_is_unfinished(state):
    assert (wake_at(b.in_state(state)) is None) is state.is_final
