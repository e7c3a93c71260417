"""Money that the payer's bank takes back: counted once, and never returned twice unnoticed."""

import pytest

from aegispay.domain.decide import decide
from aegispay.domain.invariants import check
from aegispay.domain.outcome import Reason
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import PaymentState
from tests import builders as b


def refunded(amount_minor: int):
    return b.after(b.refund(amount_minor), b.recorded("ref-1", amount_minor=amount_minor), payment=b.succeeded())


def incidents(payment):
    return [(incident.reason, incident.id) for incident in payment.incidents]


def test_a_chargeback_is_counted_and_leaves_the_state_as_it_is():
    payment = check(b.after(b.chargeback(4_000), payment=b.succeeded()))
    assert (payment.state, payment.charged_back_minor, payment.refunded_minor) == (PaymentState.SUCCESS, 4_000, 0)
    assert incidents(payment) == []


def test_the_same_dispute_twice_is_counted_once():
    payment = b.after(b.chargeback(4_000), payment=b.succeeded())
    assert decide(payment, b.chargeback(4_000)) == ()


def test_two_disputes_of_equal_amount_are_two_chargebacks():
    payment = b.after(b.chargeback(4_000), b.chargeback(4_000, "dispute-2"), payment=b.succeeded())
    assert (check(payment).charged_back_minor, payment.chargebacks) == (8_000, ("dispute-1", "dispute-2"))


def test_what_was_taken_back_cannot_be_refunded_as_well():
    payment = b.after(b.chargeback(4_000), payment=b.succeeded())
    assert payment.refundable_minor == 6_000
    assert decide(payment, b.refund(6_001)) is Rejection.REFUND_EXCEEDS_CAPTURED
    done = check(b.after(b.refund(None), b.recorded("ref-1", amount_minor=6_000), payment=payment))
    assert decide(done, b.refund(None, "ref-2")) is Rejection.NOTHING_LEFT_TO_REFUND


def test_nothing_is_refunded_of_what_was_taken_back_completely():
    assert decide(b.after(b.chargeback(), payment=b.succeeded()), b.refund(1)) is Rejection.NOTHING_LEFT_TO_REFUND


def open_refund(amount_minor: int):
    return b.after(b.refund(amount_minor), payment=b.succeeded())


@pytest.mark.parametrize("build", [refunded, open_refund], ids=["refunded", "refund under way"])
@pytest.mark.parametrize(("amount_minor", "is_too_much"), [(6_000, False), (6_001, True)])
def test_a_chargeback_on_top_of_refunds_calls_for_a_person_when_more_goes_back_than_came_in(
    build, amount_minor, is_too_much
):
    payment = check(b.after(b.chargeback(amount_minor), payment=build(4_000)))
    assert payment.charged_back_minor == amount_minor
    opened = [(Reason.CHARGEBACK, f"{b.ID}-chargeback-dispute-1")]
    assert incidents(payment) == (opened if is_too_much else [])


def test_a_refunded_payment_can_still_be_charged_back_and_a_person_is_called():
    payment = check(b.after(b.chargeback(1), payment=b.in_state(PaymentState.REFUNDED)))
    assert (payment.state, payment.charged_back_minor) == (PaymentState.REFUNDED, 1)
    assert [reason for reason, _ in incidents(payment)] == [Reason.CHARGEBACK]


def test_part_of_an_authorization_that_was_captured_can_be_charged_back():
    part = (b.capture(3_000, is_final=False), b.recorded("cap-1", amount_minor=3_000))
    payment = check(b.after(*part, b.chargeback(2_000), payment=b.authorized()))
    assert (payment.state, payment.charged_back_minor) == (PaymentState.AUTHORIZED, 2_000)
    done = check(b.after(b.cancel(), b.recorded("void-1"), payment=payment))
    assert (done.state, done.refundable_minor) == (PaymentState.SUCCESS, 1_000)


NOTHING_CAPTURED = [S for S in PaymentState if S not in {
    PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED}]  # fmt: skip


@pytest.mark.parametrize("state", NOTHING_CAPTURED)
def test_a_chargeback_of_a_payment_that_captured_nothing_calls_for_a_person_once(state):
    payment = check(b.after(b.chargeback(), payment=b.in_state(state)))
    assert (payment.charged_back_minor, len(payment.incidents)) == (0, 1)
    assert decide(payment, b.chargeback()) == ()


@pytest.mark.parametrize(
    "odd", [b.chargeback(0), b.chargeback(-5), b.chargeback(1_000, currency="EUR")], ids=["zero", "negative", "euros"]
)
def test_a_chargeback_that_makes_no_sense_changes_no_amount_and_calls_for_a_person(odd):
    payment = check(b.after(odd, payment=b.succeeded()))
    assert (payment.charged_back_minor, payment.refundable_minor) == (0, b.AMOUNT)
    assert [reason for reason, _ in incidents(payment)] == [Reason.CHARGEBACK]
    assert f"{odd.amount_minor} {odd.currency}" in payment.incidents[0].detail
