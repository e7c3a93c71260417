"""The rules alone: whatever happens to a payment, its amounts add up and equal the money that moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay.sandbox.charging import answer_challenge, decide, expire, settle
from aegispay.sandbox.operating import capture, end_refund, refund, void
from aegispay.sandbox.payment import (
    Kind,
    Method,
    MovementKind,
    Operation,
    OperationStatus,
    Payment,
    RefusedError,
    Status,
)
from aegispay.sandbox.surprises import flip, open_chargeback
from aegispay.sandbox.verdict import CHALLENGE_TOKEN, DECLINES, PARTIAL_TOKEN, PROCESSING_TOKEN, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
WEEK = timedelta(days=7)
AMOUNT = 100
TOKENS = ["tok_visa", CHALLENGE_TOKEN, PARTIAL_TOKEN, PROCESSING_TOKEN, "tok_refund_pending", *sorted(DECLINES)]


def new_payment(token, *, is_automatic):
    return Payment(
        id="sp_1",
        account="a",
        reference="r1",
        is_automatic=is_automatic,
        is_partial_allowed=True,
        amount=AMOUNT,
        currency="USD",
        status=Status.PROCESSING,
        method=Method(type="card", token=token),
        created_at=NOW,
        visible_at=NOW,
    )


def operation(kind, number, amount):
    return Operation(
        kind=kind,
        id=f"o{number}",
        reference=f"o{number}",
        amount=amount,
        status=OperationStatus.PENDING,
        created_at=NOW,
        visible_at=NOW,
    )


STEPS = {
    "capture": lambda p, n, amount: capture(p, operation(Kind.CAPTURE, n, amount), is_final=False),
    "final capture": lambda p, n, amount: capture(p, operation(Kind.CAPTURE, n, amount), is_final=True),
    "void": lambda p, n, _: void(p, operation(Kind.VOID, n, 0)),
    "refund": lambda p, n, amount: refund(p, operation(Kind.REFUND, n, amount)),
    "end refund": lambda p, _, amount: end_refund(p, _pending(p), is_success=bool(amount % 2)),
    "pass": lambda p, _, __: answer_challenge(p, is_passed=True, now=NOW, authorization=WEEK),
    "fail": lambda p, _, __: answer_challenge(p, is_passed=False, now=NOW, authorization=WEEK),
    "settle": lambda p, _, __: settle(p, NOW, WEEK),
    "expire": lambda p, _, __: expire(p, LATER),
    "flip": lambda p, _, __: flip(p, NOW, WEEK),
    "chargeback": lambda p, _, amount: open_chargeback(p, amount),
}


def _pending(payment):
    return next((each.id for each in payment.operations if each.status is OperationStatus.PENDING), "")


def moved(movements, kind):
    return sum(each.amount for each in movements if each.kind is kind)


@settings(max_examples=400)
@given(
    token=st.just("tok_visa") | st.sampled_from(TOKENS),
    is_automatic=st.booleans(),
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from([1, 40, 41, 60, AMOUNT, AMOUNT + 1])), max_size=12
    ),
)
def test_the_amounts_add_up_and_equal_the_money_that_moved(token, is_automatic, steps):
    payment = new_payment(token, is_automatic=is_automatic)
    verdict = judge(token, AMOUNT, is_partial_allowed=True)
    change = decide(payment, verdict, NOW, challenge=WEEK, authorization=WEEK)
    movements = list(change.movements)
    for number, (name, amount) in enumerate(steps):
        payment = change.payment
        try:
            after = STEPS[name](payment, number, amount)
        except RefusedError:
            continue
        if after is not None:
            change = after
            movements += after.movements
    payment = change.payment
    assert 0 <= payment.refunded_amount <= payment.captured_amount <= payment.authorized_amount
    assert payment.authorized_amount <= AMOUNT
    assert payment.refundable_amount >= 0
    assert payment.captured_amount == moved(movements, MovementKind.CAPTURE)
    assert payment.refunded_amount == moved(movements, MovementKind.REFUND)


def test_a_refund_is_decided_once():
    charged = decide(
        new_payment("tok_refund_pending", is_automatic=True),
        judge("tok_refund_pending", AMOUNT, is_partial_allowed=False),
        NOW,
        challenge=WEEK,
        authorization=WEEK,
    ).payment
    pending = refund(charged, operation(Kind.REFUND, 1, 60)).payment
    done = end_refund(pending, "o1", is_success=True)
    assert done is not None
    assert done.payment.refunded_amount == 60
    assert end_refund(done.payment, "o1", is_success=True) is None


def test_an_authorization_does_not_expire_before_its_time():
    authorized = decide(
        new_payment("tok_visa", is_automatic=False),
        judge("tok_visa", AMOUNT, is_partial_allowed=False),
        NOW,
        challenge=WEEK,
        authorization=WEEK,
    ).payment
    assert expire(authorized, NOW + WEEK - timedelta(microseconds=1)) is None
    assert expire(authorized, NOW + WEEK) is not None
    assert expire(replace(authorized, expires_at=None), LATER) is None
