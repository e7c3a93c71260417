"""Hazards that the pure domain keeps away: outcomes, amounts, timers, and the log as the one journal."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.decide import decide
from aegispay.domain.event_type import EventType
from aegispay.domain.evidence import Evidence
from aegispay.domain.evolve import replay
from aegispay.domain.invariants import check
from aegispay.domain.outcome import Duplicate, NotProcessed, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import OperationKind, PaymentState
from aegispay.domain.timers import wake_at
from tests import builders as b
from tests.unit.domain.stories import STORIES, told

S, K = PaymentState, OperationKind
YEARS = [timedelta(seconds=1), timedelta(days=1), timedelta(days=8), timedelta(days=3650)]


def reasons(payment: Payment) -> list[Reason]:
    return [incident.reason for incident in payment.incidents]


def sums(payment: Payment) -> tuple[PaymentState, int, int, int, int]:
    p = payment
    return p.state, p.authorized_minor, p.captured_minor, p.refunded_minor, p.charged_back_minor


# --- A: unknown outcomes --------------------------------------------------------------------------------

DOUBTS = {
    "charge": b.in_doubt,
    "capture": lambda: b.after(b.capture(None), b.recorded("cap-1", b.unknown()), payment=b.authorized()),
    "void": lambda: b.after(b.cancel(), b.recorded("void-1", b.unknown()), payment=b.authorized()),
    "refund": lambda: b.after(b.refund(4_000), b.recorded("ref-1", b.unknown()), payment=b.succeeded()),
}


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize("age", YEARS, ids=str)
def test_a2_time_alone_settles_no_doubt(doubt, age):
    payment = DOUBTS[doubt]()
    decision = decide(payment, b.expire(age))
    after = payment if isinstance(decision, Rejection) else replay(b.ID, decision, payment)
    assert (sums(after), after.doubts) == (sums(payment), payment.doubts)


@pytest.mark.parametrize("outcome", [b.approved(), b.hard(), b.not_sent()], ids=lambda o: o.type)
def test_a2_a_doubt_that_ends_says_by_what_evidence(outcome):
    first, *_ = b.decided(b.in_doubt(), b.outcome(outcome, detail="webhook evt_1"))
    assert isinstance(first, e.OutcomeResolved)
    assert (first.evidence, first.detail) == ("answer", "webhook evt_1")


@pytest.mark.parametrize("state", [state for state in S if b.in_state(state).attempts])
def test_a3_an_approval_whenever_it_comes_is_counted_or_a_person_is_told(state):
    payment = check(b.after(b.outcome(b.approved()), payment=b.in_state(state)))
    is_counted = payment.approved_attempt is not None and payment.authorized_minor == b.AMOUNT
    assert is_counted or reasons(payment) == [Reason.LATE_APPROVAL]


def test_a3_an_approval_of_an_earlier_attempt_is_told_while_and_after_the_next_one_runs():
    second = b.after(b.outcome(b.not_sent()), b.start(2, "beta"), payment=b.processing())
    for payment in (second, b.after(b.outcome(b.approved("ref-2"), 2), payment=second)):
        assert reasons(b.after(b.outcome(b.approved(), 1), payment=payment)) == [Reason.LATE_APPROVAL]


BURNED = [Duplicate(), Duplicate(reference="ref-9")]


@pytest.mark.parametrize("outcome", BURNED, ids=repr)
def test_a11_a_key_that_was_used_up_leads_to_nothing_but_questions_under_that_key(outcome):
    before = b.processing()
    payment = b.after(b.outcome(outcome), payment=before)
    assert payment.is_charge_in_doubt
    assert payment.attempts[0].idempotency_key == before.attempts[0].idempotency_key
    for command in (b.start(2, "beta"), b.start(2, "alpha"), c.RefusePayment(at=b.NOW, reason=Reason.RISK_REFUSED)):
        assert decide(payment, command) is Rejection.OUTCOME_STILL_UNKNOWN


def test_a11_only_proof_of_absence_allows_a_new_key():
    absent = b.outcome(NotProcessed(reason=Reason.NEVER_RECEIVED), evidence=Evidence.LOOKUP)
    payment = b.after(b.outcome(Duplicate()), absent, b.start(2, "beta"), payment=b.processing())
    assert len({attempt.idempotency_key for attempt in payment.attempts}) == 2


# --- B: amounts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["requested", "unknown", "succeeded"])
@pytest.mark.parametrize("amount_minor", [1, 4_000, b.AMOUNT - 1])
def test_b1_what_may_have_been_captured_is_not_there_to_be_captured_again(status, amount_minor):
    answers = {
        "requested": (),
        "unknown": (b.recorded("cap-1", b.unknown()),),
        "succeeded": (b.recorded("cap-1", amount_minor=amount_minor),),
    }
    payment = b.after(b.capture(amount_minor, is_final=False), *answers[status], payment=b.authorized())
    left_minor = b.AMOUNT - amount_minor
    assert decide(payment, b.capture(left_minor + 1, "cap-2")) is Rejection.CAPTURE_EXCEEDS_AUTHORIZED
    assert check(b.after(b.capture(left_minor, "cap-2"), payment=payment)).capturable_minor == 0


@pytest.mark.parametrize("seed", range(20))
def test_b2_of_a_hundred_refunds_in_any_order_exactly_those_that_fit_are_made(seed):
    """Each refund is asked for and answered at some moment of its own; some answers never come."""
    draw = random.Random(seed)
    amounts = {f"ref-{number}": draw.randint(1, 500) for number in range(100)}
    assert sum(amounts.values()) > b.AMOUNT, seed
    payment, held_minor, waiting = b.succeeded(), 0, list(amounts)
    draw.shuffle(waiting)
    asked: list[str] = []
    while waiting or asked:
        if waiting and (not asked or draw.random() < 0.6):
            name = waiting.pop()
            does_fit = held_minor + amounts[name] <= b.AMOUNT
            is_accepted = not isinstance(decide(payment, b.refund(amounts[name], name)), Rejection)
            assert is_accepted is does_fit, seed
            if does_fit:
                payment = b.after(b.refund(amounts[name], name), payment=payment)
                held_minor += amounts[name]
                asked.append(name)
        else:
            name = asked.pop(draw.randrange(len(asked)))
            answer = draw.choice([None, b.unknown(), b.hard()])
            held_minor -= amounts[name] if answer == b.hard() else 0
            payment = check(b.after(b.recorded(name, answer, amount_minor=amounts[name]), payment=payment))
    assert payment.refunded_minor + payment.reserved_minor(K.REFUND) == held_minor <= b.AMOUNT, seed


@pytest.mark.parametrize("checks", [1, 2, 50])
def test_b3_a_refund_that_nobody_knows_about_keeps_its_reservation_however_often_it_was_asked_about(checks):
    payment = b.after(b.refund(7_000), *[b.recorded("ref-1", b.unknown())] * checks, payment=b.succeeded())
    assert (payment.reserved_minor(K.REFUND), payment.refundable_minor) == (7_000, 3_000)
    assert decide(payment, b.refund(3_001, "ref-2")) is Rejection.REFUND_EXCEEDS_CAPTURED


@pytest.mark.parametrize(
    "order", [*itertools.permutations([b.chargeback(7_000), b.refund(4_000), b.recorded("ref-1", amount_minor=4_000)])]
)
def test_b6_money_that_is_refunded_and_charged_back_as_well_is_prevented_or_told(order):
    payment = b.succeeded()
    for command in order:
        decision = decide(payment, command)
        if not isinstance(decision, Rejection):
            payment = check(replay(b.ID, decision, payment))
    gone_minor = payment.refunded_minor + payment.reserved_minor(K.REFUND) + payment.charged_back_minor
    assert payment.charged_back_minor == 7_000
    assert gone_minor <= b.AMOUNT or reasons(payment) == [Reason.CHARGEBACK]


def voided() -> Payment:
    return b.after(b.cancel(), b.recorded("void-1"), payment=b.authorized())


UNREFUNDABLE = {state.value: b.in_state(state) for state in S if state not in {S.SUCCESS, S.PARTIALLY_REFUNDED}}


@pytest.mark.parametrize("payment", [*UNREFUNDABLE.values(), voided(), b.in_doubt()], ids=repr)
@pytest.mark.parametrize("amount_minor", [None, 1])
def test_b7_nothing_is_refunded_that_was_not_captured(payment, amount_minor):
    assert decide(payment, b.refund(amount_minor, "other")) is Rejection.NOT_ALLOWED_IN_THIS_STATE


def test_b8_no_more_is_captured_than_the_gateway_answered_it_had_authorized():
    payment = b.partially_authorized(6_000)
    assert decide(payment, b.capture(6_001)) is Rejection.CAPTURE_EXCEEDS_AUTHORIZED
    (asked,) = b.decided(payment, b.capture(None))
    assert asked.amount_minor == 6_000


ODD = [b.approved("r", 9_999), b.approved("r", 10_001), b.approved("r", b.AMOUNT, "EUR"), b.approved("r", 0)]
ASKED: dict[str, tuple[Callable[[], Payment], Callable[[Any], c.Command]]] = {
    "charge": (b.processing, b.outcome),
    "authorization": (lambda: b.processing(capture="manual"), b.outcome),
    "capture": (lambda: b.after(b.capture(None, "op"), payment=b.authorized()), lambda odd: b.recorded("op", odd)),
    "refund": (lambda: b.after(b.refund(None, "op"), payment=b.succeeded()), lambda odd: b.recorded("op", odd)),
}


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("asked", ASKED)
def test_b9_an_answer_about_another_amount_is_never_success_and_shows_both_amounts(asked, odd):
    build, command = ASKED[asked]
    before = build()
    payment = check(b.after(command(odd), payment=before))
    assert (sums(payment), payment.in_doubt, reasons(payment)) == (sums(before), True, [Reason.AMOUNT_MISMATCH])
    detail = payment.incidents[0].detail
    assert f"{b.AMOUNT} USD" in detail
    assert f"{odd.amount_minor} {odd.currency}" in detail


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_b9_a_repetition_with_another_amount_changes_nothing_and_is_told(odd):
    done = b.after(b.refund(None), b.recorded("ref-1", b.approved("r")), payment=b.succeeded())
    payment = check(b.after(b.recorded("ref-1", odd), payment=done))
    assert (sums(payment), reasons(payment)) == (sums(done), [Reason.AMOUNT_MISMATCH])


@pytest.mark.parametrize("story", STORIES)
def test_b10_the_log_is_the_journal_and_its_entries_add_up_after_every_event(story):
    """There is no second book that could disagree: each amount is the sum of the log's own entries."""
    entries: dict[EventType, int] = defaultdict(int)
    asked: dict[str, int] = {}
    for event, payment in told(story):
        if isinstance(event, e.OperationRequested):
            asked[event.operation_id] = event.amount_minor
        elif isinstance(event, e.OperationSucceeded):
            entries[event.type] += asked[event.operation_id]
        elif isinstance(event, e.PaymentAuthorized | e.PaymentChargedBack):
            entries[event.type] += event.amount_minor
        elif isinstance(event, e.PaymentSucceeded) and payment.request.capture == "automatic":
            entries[EventType.PAYMENT_AUTHORIZED] += event.amount_minor
            entries[EventType.CAPTURE_SUCCEEDED] += event.amount_minor
        assert sums(payment)[1:] == (
            entries[EventType.PAYMENT_AUTHORIZED], entries[EventType.CAPTURE_SUCCEEDED],
            entries[EventType.REFUND_SUCCEEDED], entries[EventType.PAYMENT_CHARGED_BACK],
        )  # fmt: skip
        voided_minor = entries[EventType.VOID_SUCCEEDED]
        assert payment.captured_minor + voided_minor <= payment.authorized_minor


AUTHORIZED = {
    "nothing asked": b.authorized,
    "part": b.partially_authorized,
    "a capture failed": lambda: b.after(b.capture(None), b.recorded("cap-1", b.hard()), payment=b.authorized()),
    "a capture open": lambda: b.after(b.capture(None), payment=b.authorized()),
    "a capture in doubt": DOUBTS["capture"],
    "a void failed": lambda: b.after(b.cancel(), b.recorded("void-1", b.hard()), payment=b.authorized()),
    "part captured": lambda: b.after(
        b.capture(1, is_final=False), b.recorded("cap-1", amount_minor=1), payment=b.authorized()),
    "announced": lambda: b.after(b.expire(timedelta(days=6)), payment=b.authorized()),
}  # fmt: skip


@pytest.mark.parametrize("case", AUTHORIZED)
def test_b11_every_authorization_has_a_timer_that_is_due_before_it_ends_or_at_its_end(case):
    payment = AUTHORIZED[case]()
    due_at = wake_at(payment)
    assert payment.state is S.AUTHORIZED
    assert due_at is not None
    assert due_at <= payment.expires_at


def test_b11_the_end_is_announced_before_it_comes_so_that_a_capture_is_not_forgotten():
    payment, told_of = b.authorized(), []
    while (due_at := wake_at(payment)) is not None:
        events = b.decided(payment, c.ExpirePayment(at=due_at))
        told_of += [(event.type, event.at < payment.expires_at) for event in events]
        payment = b.after(c.ExpirePayment(at=due_at), payment=payment)
    assert told_of == [(EventType.AUTHORIZATION_EXPIRING, True), (EventType.PAYMENT_CANCELLED, False)]
