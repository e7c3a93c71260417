"""A cancel that came too late to stop the charge: remembered, then carried out, then tried again until it is."""

import itertools
from datetime import datetime, timedelta

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.delays import CHECK_DELAYS_S
from aegispay.domain.invariants import check
from aegispay.domain.keys import cancel_id
from aegispay.domain.outcome import GatewayMisconfigured, InvalidRequest, NotProcessed, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.domain.timers import cancel_again_at, wake_at
from tests import builders as b

UNSUPPORTED = NotProcessed(reason=Reason.UNSUPPORTED)
TRIES_MAX = 20


def own_try_failed(payment: Payment, number: int = 1, outcome=None) -> Payment:
    return check(b.after(b.recorded(cancel_id(b.ID, number), outcome or b.not_sent()), payment=payment))


def to_release() -> Payment:
    return b.cancelled_too_late(capture="manual")


def to_return() -> Payment:
    return b.cancelled_too_late()


def due_at(payment: Payment) -> datetime:
    at = cancel_again_at(payment)
    assert at is not None
    return at


def tried(times: int) -> Payment:
    """Return a payment whose release has failed this often."""
    payment = own_try_failed(to_release())
    for number in range(2, times + 1):
        at = due_at(payment)
        failed = b.recorded(cancel_id(b.ID, number), b.not_sent(), at=at)
        again = b.repeat_cancel(number, after_s=(at - b.NOW).total_seconds())
        payment = b.after(again, failed, payment=payment)
    return payment


def reasons(payment: Payment) -> list[Reason]:
    return [incident.reason for incident in payment.incidents]


# --- trying again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "kind"), [(to_release, OperationKind.VOID), (to_return, OperationKind.REFUND)], ids=["release", "return"]
)
def test_a_try_that_failed_is_repeated_in_full_under_a_new_name(build, kind):
    payment = b.after(b.repeat_cancel(), payment=own_try_failed(build()))
    again = payment.operations[-1]
    assert (again.id, again.kind, again.amount_minor, again.key) == (cancel_id(b.ID, 2), kind, b.AMOUNT, "")


def test_the_pauses_between_the_tries_grow():
    due = [(due_at(tried(times)) - b.NOW).total_seconds() for times in range(1, 6)]
    assert due == list(itertools.accumulate(CHECK_DELAYS_S[:5]))


def test_nothing_is_tried_again_before_its_pause_is_over():
    assert decide(own_try_failed(to_release()), b.repeat_cancel(after_s=0.999)) is Rejection.NOT_YET_EXPIRED


@pytest.mark.parametrize("build", [to_release, to_return], ids=["release", "return"])
def test_between_two_tries_the_payment_has_a_timer(build):
    assert wake_at(own_try_failed(build())) == b.NOW + timedelta(seconds=1)


def test_while_a_try_is_open_or_in_doubt_none_is_made_beside_it():
    doubted = b.after(b.recorded(cancel_id(b.ID, 1), b.unknown()), payment=to_release())
    for payment in (to_release(), doubted):
        assert decide(payment, b.repeat_cancel()) == ()
        assert cancel_again_at(payment) is None


def test_the_same_try_asked_for_twice_is_made_once():
    payment = b.after(b.repeat_cancel(), payment=own_try_failed(to_release()))
    assert decide(payment, b.repeat_cancel()) == ()


def test_without_a_remembered_cancel_nothing_is_ever_tried():
    failed = b.after(b.cancel(), b.recorded("void-1", b.not_sent()), payment=b.authorized())
    assert cancel_again_at(failed) is None
    assert decide(failed, b.repeat_cancel()) == ()


def test_a_return_repeated_after_the_merchant_refunded_part_returns_the_rest():
    part = (b.refund(3_000), b.recorded("ref-1", amount_minor=3_000))
    payment = b.after(*part, b.repeat_cancel(), payment=own_try_failed(to_return()))
    assert payment.operations[-1].amount_minor == 7_000


# --- when it is over ------------------------------------------------------------------------------------


def test_a_release_that_went_through_ends_the_payment():
    payment = check(b.after(b.recorded(cancel_id(b.ID, 1)), payment=to_release()))
    assert (payment.state, wake_at(payment)) == (PaymentState.CANCELLED, None)


def test_a_return_that_went_through_ends_the_payment():
    payment = check(b.after(b.recorded(cancel_id(b.ID, 1)), payment=to_return()))
    assert (payment.state, wake_at(payment)) == (PaymentState.REFUNDED, None)


@pytest.mark.parametrize(
    ("build", "ending"),
    [
        (to_release, (b.cancel(), b.recorded("void-1"))),
        (to_release, (b.expire(timedelta(days=7)),)),
        (to_return, (b.refund(None), b.recorded("ref-1"))),
        (to_return, (b.chargeback(),)),
    ],
    ids=["voided by hand", "lapsed", "refunded by hand", "charged back"],
)
def test_when_nothing_is_left_to_release_or_return_nothing_is_tried_again(build, ending):
    payment = check(b.after(*ending, payment=own_try_failed(build())))
    assert (cancel_again_at(payment), wake_at(payment)) == (None, None)


def test_a_remembered_cancel_does_not_keep_an_authorization_from_lapsing():
    week = timedelta(days=7)
    late = b.recorded(cancel_id(b.ID, 1), b.not_sent(), at=b.NOW + week - timedelta(seconds=0.5))
    announced = b.after(b.expire(week * 0.9), late, payment=to_release())
    assert due_at(announced) > b.NOW + week
    assert wake_at(announced) == b.NOW + week
    assert b.after(b.expire(week), payment=own_try_failed(to_release())).state is PaymentState.CANCELLED


# --- giving up ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [b.hard(), b.soft(), InvalidRequest(), UNSUPPORTED], ids=lambda o: o.reason)
@pytest.mark.parametrize("build", [to_release, to_return], ids=["release", "return"])
def test_what_trying_again_cannot_mend_calls_for_a_person_at_once(build, outcome):
    payment = own_try_failed(build(), outcome=outcome)
    assert reasons(payment) == [Reason.CANCEL_NOT_EXECUTED]
    assert cancel_again_at(payment) is None
    assert f"{b.AMOUNT} USD" in payment.incidents[0].detail


@pytest.mark.parametrize("outcome", [b.not_sent(), GatewayMisconfigured()], ids=lambda o: o.type)
def test_what_may_pass_calls_for_nobody(outcome):
    assert reasons(own_try_failed(to_release(), outcome=outcome)) == []


def test_after_many_tries_a_person_is_called_and_no_more_are_made():
    before = tried(TRIES_MAX - 1)
    assert reasons(before) == []
    payment = check(tried(TRIES_MAX))
    assert reasons(payment) == [Reason.CANCEL_NOT_EXECUTED]
    assert cancel_again_at(payment) is None


def test_a_merchants_own_void_that_failed_calls_for_nobody():
    payment = b.after(b.cancel(), b.recorded("void-1", b.hard()), payment=b.authorized())
    assert reasons(payment) == []


# --- meanwhile ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [b.not_sent(), UNSUPPORTED], ids=lambda o: o.reason)
def test_nothing_is_captured_of_a_payment_that_was_cancelled(outcome):
    assert decide(own_try_failed(to_release(), outcome=outcome), b.capture(None)) is Rejection.CANCEL_IS_REMEMBERED


def test_a_part_that_was_authorized_is_what_a_remembered_cancel_releases():
    part = b.approved(amount_minor=6_000, is_partial=True)
    payment = check(b.after(b.cancel(), b.outcome(part), payment=b.in_doubt(capture="manual")))
    assert [(op.kind, op.amount_minor) for op in payment.operations] == [(OperationKind.VOID, 6_000)]


def test_a_payer_who_passes_the_challenge_after_the_cancel_gets_the_money_back():
    challenged = b.after(b.outcome(b.wants_payer()), b.cancel(), payment=b.processing())
    assert decide(challenged, b.cancel()) == ()
    passed = c.CompleteAction(at=b.NOW, is_passed=True)
    payment = check(b.after(passed, b.outcome(b.approved()), payment=challenged))
    (refund,) = payment.operations
    assert (refund.kind, refund.amount_minor) == (OperationKind.REFUND, b.AMOUNT)
    assert refund.status is OperationStatus.REQUESTED
