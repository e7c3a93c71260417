"""What the gateway reserved: perhaps less than was asked, and only for a time."""

from datetime import timedelta

import pytest

from aegispay.domain.decide import decide
from aegispay.domain.invariants import check
from aegispay.domain.outcome import Declined, DeclineKind, Reason
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import PaymentState
from aegispay.domain.timers import wake_at
from tests import builders as b

WEEK = timedelta(days=7)
WARNING = WEEK * 4 / 5


# --- less than was asked --------------------------------------------------------------------------------


def test_less_can_be_authorized_where_the_merchant_captures():
    payment = check(b.partially_authorized(6_000))
    assert (payment.state, payment.authorized_minor, payment.incidents) == (PaymentState.AUTHORIZED, 6_000, ())
    assert payment.is_partially_authorized


def test_no_more_is_captured_than_was_authorized_even_if_more_was_asked_for():
    payment = b.partially_authorized(6_000)
    assert decide(payment, b.capture(6_001)) is Rejection.CAPTURE_EXCEEDS_AUTHORIZED
    done = check(b.after(b.capture(None), b.recorded("cap-1", amount_minor=6_000), payment=payment))
    assert (done.state, done.captured_minor, done.refundable_minor) == (PaymentState.SUCCESS, 6_000, 6_000)


def test_a_void_of_a_part_releases_the_part():
    payment = b.after(b.cancel(), payment=b.partially_authorized(6_000))
    assert payment.operations[0].amount_minor == 6_000
    assert check(b.after(b.recorded("void-1"), payment=payment)).state is PaymentState.CANCELLED


def test_a_part_is_no_success_where_the_money_is_collected_at_once():
    part = b.outcome(b.approved(amount_minor=6_000, is_partial=True))
    payment = check(b.after(part, payment=b.processing()))
    assert (payment.state, payment.in_doubt, payment.captured_minor) == (PaymentState.PROCESSING, True, 0)
    assert [incident.reason for incident in payment.incidents] == [Reason.AMOUNT_MISMATCH]


@pytest.mark.parametrize("amount_minor", [0, -1, b.AMOUNT, b.AMOUNT + 1])
def test_a_part_is_less_than_the_whole_and_more_than_nothing(amount_minor):
    odd = b.outcome(b.approved(amount_minor=amount_minor, is_partial=True))
    payment = check(b.after(odd, payment=b.processing(capture="manual")))
    assert (payment.in_doubt, payment.authorized_minor) == (True, 0)


def test_a_smaller_amount_that_the_gateway_does_not_call_a_part_is_a_mismatch():
    payment = b.after(b.outcome(b.approved(amount_minor=6_000)), payment=b.processing(capture="manual"))
    assert (payment.in_doubt, payment.authorized_minor) == (True, 0)


def test_the_same_part_again_changes_nothing():
    assert decide(b.partially_authorized(6_000), b.outcome(b.approved(amount_minor=6_000, is_partial=True))) == ()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (b.partially_authorized, b.approved()),
        (b.partially_authorized, b.approved(amount_minor=5_000, is_partial=True)),
        (b.authorized, b.approved(amount_minor=6_000, is_partial=True)),
    ],
    ids=["part, then all", "part, then another part", "all, then part"],
)
def test_another_amount_than_was_authorized_is_an_incident_and_changes_no_amount(before, said):
    payment = check(b.after(b.outcome(said), payment=before()))
    assert payment.authorized_minor == before().authorized_minor
    assert [incident.reason for incident in payment.incidents] == [Reason.AMOUNT_MISMATCH]


def test_what_was_authorized_in_full_is_not_called_a_part():
    assert not b.authorized().is_partially_authorized
    assert not b.processing().is_partially_authorized


# --- for a time -----------------------------------------------------------------------------------------


def test_the_end_is_announced_when_four_fifths_of_the_time_are_over():
    assert decide(b.authorized(), b.expire(WARNING - timedelta(seconds=1))) is Rejection.NOT_YET_EXPIRED
    (announced,) = b.decided(b.authorized(), b.expire(WARNING))
    assert announced.expires_at == b.NOW + WEEK


def test_the_end_is_announced_once():
    payment = b.after(b.expire(WARNING), payment=b.authorized())
    assert decide(payment, b.expire(WARNING)) == ()
    assert decide(payment, b.expire(WEEK - timedelta(seconds=1))) == ()


def test_the_announcement_comes_first_and_then_the_end():
    assert wake_at(b.authorized()) == b.NOW + WARNING
    assert wake_at(b.after(b.expire(WARNING), payment=b.authorized())) == b.NOW + WEEK


def test_an_authorization_whose_end_was_announced_can_still_be_captured():
    payment = b.after(b.expire(WARNING), b.capture(None), b.recorded("cap-1"), payment=b.authorized())
    assert check(payment).state is PaymentState.SUCCESS


def test_the_time_of_an_authorization_counts_from_its_approval_not_from_its_request():
    late = b.NOW + timedelta(days=1)
    approved = b.outcome(b.approved(), at=late, authorization_expires_at=late + WEEK)
    payment = b.after(approved, payment=b.in_doubt(capture="manual"))
    assert wake_at(payment) == late + WARNING


def test_an_engine_that_slept_past_the_end_ends_the_authorization_without_announcing_it():
    assert b.names(b.decided(b.authorized(), b.expire(WEEK * 2))) == ["cancelled"]


# --- ended by the gateway -------------------------------------------------------------------------------

LAPSED = b.outcome(Declined(kind=DeclineKind.HARD, reason=Reason.AUTHORIZATION_EXPIRED))


def captured(amount_minor: int):
    part = (b.capture(amount_minor, is_final=False), b.recorded("cap-1", amount_minor=amount_minor))
    return b.after(*part, payment=b.authorized())


def test_a_gateway_that_says_the_authorization_lapsed_ends_it_before_its_time():
    payment = check(b.after(LAPSED, payment=b.authorized()))
    assert (payment.state, payment.incidents) == (PaymentState.CANCELLED, ())
    assert decide(payment, LAPSED) == ()


def test_what_was_captured_before_the_authorization_lapsed_is_kept():
    payment = check(b.after(LAPSED, payment=captured(4_000)))
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 4_000)
    assert decide(payment, LAPSED) == ()


@pytest.mark.parametrize("request_", [b.capture(None), b.cancel()], ids=["capture", "void"])
def test_an_authorization_with_an_open_operation_is_not_ended_by_the_gateways_word_either(request_):
    payment = b.after(request_, payment=b.authorized())
    assert decide(payment, LAPSED) == ()


def test_an_authorization_that_was_captured_in_full_cannot_have_lapsed():
    payment = check(b.after(LAPSED, payment=captured(b.AMOUNT)))
    assert payment.state is PaymentState.SUCCESS
    assert [incident.reason for incident in payment.incidents] == [Reason.CONFLICTING_ANSWER]


def test_the_end_of_one_attempts_authorization_says_nothing_about_anothers():
    failed_over = (b.outcome(b.not_sent()), b.start(2, "beta"), b.outcome(b.approved(), 2))
    payment = b.after(*failed_over, payment=b.processing(capture="manual"))
    assert payment.state is PaymentState.AUTHORIZED
    assert decide(payment, LAPSED) == ()
