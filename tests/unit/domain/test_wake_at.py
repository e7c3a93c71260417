"""The one durable timer: when a payment must be looked at although nobody asks."""

from datetime import timedelta

import pytest

from aegispay.domain import commands as c
from aegispay.domain.outcome import ActionKind, NextAction
from aegispay.domain.projection import project
from aegispay.domain.state import PaymentState
from aegispay.domain.timers import wake_at
from tests import builders as b

S = PaymentState
WEEK = b.NOW + timedelta(days=7)
FOUR_FIFTHS = b.NOW + timedelta(days=7) * 4 / 5
ANSWER_DUE = b.NOW + timedelta(seconds=40)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (S.INITIATED, WEEK),
        (S.REQUIRES_ACTION, b.NOW + timedelta(minutes=15)),
        (S.AUTHENTICATED, b.NOW),
        (S.PROCESSING, ANSWER_DUE),
        (S.AUTHORIZED, FOUR_FIFTHS),
        (S.SUCCESS, None),
        (S.FAILURE, None),
        (S.CANCELLED, None),
        (S.PARTIALLY_REFUNDED, None),
        (S.REFUNDED, None),
    ],
)
def test_each_state_has_its_timer(state, expected):
    payment = b.in_state(state)
    assert wake_at(payment) == expected
    assert project(payment).wake_at == expected


def test_a_doubt_is_looked_at_when_its_next_check_is_due():
    assert wake_at(b.in_doubt()) == b.NOW + timedelta(seconds=1)


def test_between_two_attempts_it_is_due_at_once():
    assert wake_at(b.after(b.outcome(b.not_sent()), payment=b.processing())) == b.NOW


def test_after_a_passed_challenge_the_gateway_is_due_to_be_asked_at_once():
    passed = c.CompleteAction(at=b.NOW, is_passed=True)
    assert wake_at(b.after(passed, payment=b.in_state(S.REQUIRES_ACTION))) == b.NOW


def test_a_challenge_before_any_attempt_ends_with_its_action():
    action = NextAction(kind=ActionKind.WAIT, expires_at=b.LATER)
    assert wake_at(b.after(b.create(), c.RequireAction(at=b.NOW, action=action, gateway="alpha"))) == b.LATER


@pytest.mark.parametrize("build", [b.succeeded, lambda: b.in_state(S.PARTIALLY_REFUNDED)], ids=["success", "partial"])
def test_an_open_refund_is_looked_at_although_the_payment_is_final(build):
    requested = b.after(b.refund(100, "ref-9"), payment=build())
    assert wake_at(requested) == ANSWER_DUE
    unknown = b.after(b.recorded("ref-9", b.unknown()), payment=requested)
    assert wake_at(unknown) == b.NOW + timedelta(seconds=1)
    assert wake_at(b.after(b.recorded("ref-9", amount_minor=100), payment=unknown)) is None


def test_of_two_open_operations_the_earlier_one_counts():
    both = b.after(b.refund(100, "ref-1"), b.refund(100, "ref-2"), payment=b.succeeded())
    assert wake_at(b.after(b.recorded("ref-2", b.unknown()), payment=both)) == b.NOW + timedelta(seconds=1)


def test_a_lapsed_authorization_with_an_open_capture_waits_for_the_capture_instead_of_being_due_for_ever():
    request = b.create(capture="manual")
    short = b.outcome(b.approved(), authorization_expires_at=b.NOW)
    payment = b.after(request, b.authenticate(), b.start(), short, b.capture(None))
    assert wake_at(payment) == ANSWER_DUE
    assert wake_at(b.after(b.recorded("cap-1", b.hard()), payment=payment)) == b.NOW


def test_every_payment_that_is_not_final_has_a_timer():
    assert all((wake_at(b.in_state(state)) is None) is state.is_final for state in S)
