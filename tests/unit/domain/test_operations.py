"""Captures, voids and refunds: the amount is reserved on request, and released only when surely not moved."""

import pytest

from aegispay.domain.decide import decide
from aegispay.domain.invariants import check
from aegispay.domain.outcome import Duplicate, InvalidRequest, Pending, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from tests import builders as b

UNKNOWNS = [b.unknown(), Pending(reference="r"), Duplicate(), b.wants_payer()]


def captured(*amounts_minor: int, payment: Payment | None = None) -> Payment:
    """Return an authorized payment with captures that were carried out, none of them the last."""
    payment = payment or b.authorized()
    for number, amount_minor in enumerate(amounts_minor, start=1):
        name = f"cap-{number}"
        done = b.recorded(name, amount_minor=amount_minor)
        payment = b.after(b.capture(amount_minor, name, is_final=False), done, payment=payment)
    return payment


def reserved(payment: Payment, kind: OperationKind) -> int:
    return check(payment).reserved_minor(kind)


# --- reservations ---------------------------------------------------------------------------------------


def test_a_capture_is_reserved_before_the_gateway_knows():
    payment = b.after(b.capture(4_000), payment=b.authorized())
    assert (reserved(payment, OperationKind.CAPTURE), payment.captured_minor) == (4_000, 0)


def test_a_refund_is_reserved_before_the_gateway_knows():
    payment = b.after(b.refund(4_000), payment=b.succeeded())
    assert (reserved(payment, OperationKind.REFUND), payment.refunded_minor) == (4_000, 0)


@pytest.mark.parametrize("outcome", UNKNOWNS, ids=lambda o: o.type)
def test_a_refund_whose_outcome_is_not_known_keeps_its_reservation(outcome):
    payment = b.after(b.refund(6_000), b.recorded("ref-1", outcome), payment=b.succeeded())
    assert payment.operations[0].status is OperationStatus.UNKNOWN
    assert reserved(payment, OperationKind.REFUND) == 6_000
    assert decide(payment, b.refund(4_001, "ref-2")) is Rejection.REFUND_EXCEEDS_CAPTURED
    assert b.decided(payment, b.refund(4_000, "ref-2"))


@pytest.mark.parametrize("outcome", UNKNOWNS, ids=lambda o: o.type)
def test_a_capture_whose_outcome_is_not_known_keeps_its_reservation(outcome):
    requested = b.after(b.capture(6_000, is_final=False), payment=b.authorized())
    payment = b.after(b.recorded("cap-1", outcome), payment=requested)
    assert reserved(payment, OperationKind.CAPTURE) == 6_000
    assert decide(payment, b.capture(4_001, "cap-2")) is Rejection.CAPTURE_EXCEEDS_AUTHORIZED


@pytest.mark.parametrize("outcome", [b.hard(), b.soft(), b.not_sent(), InvalidRequest()], ids=lambda o: o.type)
def test_an_operation_that_surely_failed_releases_its_reservation(outcome):
    payment = b.after(b.refund(b.AMOUNT), b.recorded("ref-1", outcome), payment=b.succeeded())
    assert (reserved(payment, OperationKind.REFUND), payment.state) == (0, PaymentState.SUCCESS)
    assert b.decided(payment, b.refund(b.AMOUNT, "ref-2"))


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_an_amount_must_be_positive(amount_minor):
    assert decide(b.succeeded(), b.refund(amount_minor)) is Rejection.AMOUNT_MUST_BE_POSITIVE
    assert decide(b.authorized(), b.capture(amount_minor)) is Rejection.AMOUNT_MUST_BE_POSITIVE


def test_no_more_is_captured_than_authorized_nor_refunded_than_captured():
    assert decide(b.authorized(), b.capture(b.AMOUNT + 1)) is Rejection.CAPTURE_EXCEEDS_AUTHORIZED
    assert decide(b.succeeded(), b.refund(b.AMOUNT + 1)) is Rejection.REFUND_EXCEEDS_CAPTURED
    lapsed = b.after(b.capture(3_000), b.recorded("cap-1", amount_minor=3_000), payment=b.authorized())
    assert decide(lapsed, b.refund(3_001)) is Rejection.REFUND_EXCEEDS_CAPTURED


def test_no_amount_means_all_that_is_left():
    payment = b.after(b.refund(1_000, "ref-1"), b.refund(None, "ref-2"), payment=b.succeeded())
    assert [operation.amount_minor for operation in payment.operations] == [1_000, 9_000]
    assert decide(payment, b.refund(None, "ref-3")) is Rejection.NOTHING_LEFT_TO_REFUND


# --- asking twice ---------------------------------------------------------------------------------------


def test_the_same_request_again_is_the_same_operation():
    payment = b.after(b.refund(4_000), payment=b.succeeded())
    assert decide(payment, b.refund(4_000)) == ()
    done = b.after(b.recorded("ref-1", amount_minor=4_000), payment=payment)
    assert decide(done, b.refund(4_000)) == ()


def test_two_requests_of_equal_amount_are_two_refunds():
    payment = b.after(b.refund(4_000, "ref-1"), b.refund(4_000, "ref-2"), payment=b.succeeded())
    assert reserved(payment, OperationKind.REFUND) == 8_000


def test_an_id_used_for_another_request_is_refused():
    refunded = b.after(b.refund(4_000), payment=b.succeeded())
    assert decide(refunded, b.refund(5_000)) is Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST
    captured_part = b.after(b.capture(4_000, is_final=False), payment=b.authorized())
    assert decide(captured_part, b.capture(4_000)) is Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST


def test_a_void_cannot_take_the_id_of_a_capture():
    failed = b.after(b.capture(4_000, "void-1"), b.recorded("void-1", b.hard()), payment=b.authorized())
    assert decide(failed, b.cancel()) is Rejection.OPERATION_ID_USED_FOR_ANOTHER_REQUEST


def test_a_void_that_failed_is_not_repeated_under_its_old_id():
    failed = b.after(b.cancel(), b.recorded("void-1", b.hard()), payment=b.authorized())
    assert decide(failed, b.cancel()) == ()
    assert len(failed.operations) == 1


def test_an_outcome_of_an_unknown_operation_is_refused():
    assert decide(b.succeeded(), b.recorded("ref-1")) is Rejection.NO_SUCH_OPERATION


# --- captures and voids ---------------------------------------------------------------------------------


def test_several_captures_add_up_and_the_last_one_ends_the_authorization():
    payment = captured(2_000, 3_000)
    assert (payment.state, payment.captured_minor) == (PaymentState.AUTHORIZED, 5_000)
    last = b.recorded("cap-3", amount_minor=1_000)
    done = check(b.after(b.capture(1_000, "cap-3"), last, payment=payment))
    assert (done.state, done.captured_minor, done.authorized_minor) == (PaymentState.SUCCESS, 6_000, b.AMOUNT)


def test_capturing_everything_ends_the_authorization_even_if_more_was_to_come():
    assert captured(4_000, 6_000).state is PaymentState.SUCCESS


def test_the_last_capture_waits_for_the_ones_that_are_open():
    both = b.after(b.capture(2_000, "cap-1", is_final=False), b.capture(3_000, "cap-2"), payment=b.authorized())
    waiting = b.after(b.recorded("cap-2", amount_minor=3_000), payment=both)
    assert waiting.state is PaymentState.AUTHORIZED
    done = b.after(b.recorded("cap-1", amount_minor=2_000), payment=waiting)
    assert (done.state, done.captured_minor) == (PaymentState.SUCCESS, 5_000)
    ended = b.after(b.recorded("cap-1", b.hard()), payment=waiting)
    assert (ended.state, ended.captured_minor) == (PaymentState.SUCCESS, 3_000)


def test_after_the_last_capture_nothing_more_is_captured():
    both = b.after(b.capture(2_000, "cap-1", is_final=False), b.capture(3_000, "cap-2"), payment=b.authorized())
    assert decide(both, b.capture(1_000, "cap-3")) is Rejection.CAPTURE_IN_PROGRESS
    waiting = b.after(b.recorded("cap-2", amount_minor=3_000), payment=both)
    assert decide(waiting, b.capture(1_000, "cap-3")) is Rejection.CAPTURE_IN_PROGRESS


def test_a_last_capture_that_failed_can_be_asked_for_again():
    failed = b.after(b.capture(None), b.recorded("cap-1", b.not_sent()), payment=b.authorized())
    assert failed.state is PaymentState.AUTHORIZED
    assert b.decided(failed, b.capture(None, "cap-2"))


def test_a_void_and_a_capture_are_never_under_way_together():
    capturing = b.after(b.capture(1_000), payment=b.authorized())
    assert decide(capturing, b.cancel()) is Rejection.CAPTURE_IN_PROGRESS
    voiding = b.after(b.cancel(), payment=b.authorized())
    assert decide(voiding, b.capture(1_000)) is Rejection.VOID_IN_PROGRESS
    assert decide(voiding, b.cancel()) == ()


def test_a_void_after_part_was_captured_releases_the_rest_and_keeps_the_part():
    payment = b.after(b.cancel(), payment=captured(3_000))
    assert payment.operations[-1].amount_minor == 7_000
    done = check(b.after(b.recorded("void-1"), payment=payment))
    assert (done.state, done.captured_minor) == (PaymentState.SUCCESS, 3_000)


def test_a_void_that_failed_leaves_the_authorization_to_be_captured():
    failed = b.after(b.cancel(), b.recorded("void-1", b.hard()), payment=b.authorized())
    assert failed.state is PaymentState.AUTHORIZED
    assert b.decided(failed, b.capture(None))


@pytest.mark.parametrize("state", sorted(set(PaymentState) - {PaymentState.AUTHORIZED}), ids=str)
def test_only_an_authorization_is_captured(state):
    assert decide(b.in_state(state), b.capture(1)) is Rejection.NOT_ALLOWED_IN_THIS_STATE


@pytest.mark.parametrize(
    "state", sorted(set(PaymentState) - {PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED}), ids=str
)
def test_only_captured_money_is_refunded(state):
    assert decide(b.in_state(state), b.refund(1, "other")) is Rejection.NOT_ALLOWED_IN_THIS_STATE


def test_a_void_is_asked_for_by_cancelling_only():
    void = b.operate(OperationKind.VOID, 1, "void-1")
    assert decide(b.authorized(), void) is Rejection.NOT_ALLOWED_IN_THIS_STATE


# --- refunds --------------------------------------------------------------------------------------------


def test_refunds_add_up_to_all_of_it():
    payment = b.succeeded()
    for name, amount_minor, state in [
        ("ref-1", 3_000, PaymentState.PARTIALLY_REFUNDED),
        ("ref-2", 3_000, PaymentState.PARTIALLY_REFUNDED),
        ("ref-3", 4_000, PaymentState.REFUNDED),
    ]:
        done = b.recorded(name, amount_minor=amount_minor)
        payment = check(b.after(b.refund(amount_minor, name), done, payment=payment))
        assert payment.state is state
    assert payment.refunded_minor == b.AMOUNT


def test_a_refund_in_doubt_that_went_through_is_counted_once():
    payment = b.after(b.refund(4_000), b.recorded("ref-1", b.unknown()), payment=b.succeeded())
    done = b.after(b.recorded("ref-1", amount_minor=4_000), payment=payment)
    assert decide(done, b.recorded("ref-1", amount_minor=4_000)) == ()
    assert (done.refunded_minor, reserved(done, OperationKind.REFUND)) == (4_000, 0)


# --- odd answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd", [b.approved("r", 5_000), b.approved("r", 3_999), b.approved("r", 4_000, "EUR")], ids=repr
)
@pytest.mark.parametrize("kind", ["capture", "refund"])
def test_an_operation_done_for_another_amount_stays_reserved_and_is_an_incident(kind, odd):
    if kind == "capture":
        payment = b.after(b.capture(4_000, "op"), payment=b.authorized())
    else:
        payment = b.after(b.refund(4_000, "op"), payment=b.succeeded())
    payment = check(b.after(b.recorded("op", odd), b.recorded("op", odd), payment=payment))
    assert payment.operations[0].status is OperationStatus.UNKNOWN
    assert payment.reserved_minor(OperationKind(kind)) == 4_000
    assert [incident.reason for incident in payment.incidents] == [Reason.AMOUNT_MISMATCH]
    assert "4000 USD" in payment.incidents[0].detail


def test_an_operation_recorded_as_failed_that_went_through_is_an_incident_once():
    failed = b.after(b.refund(4_000), b.recorded("ref-1", b.hard()), payment=b.succeeded())
    late = b.recorded("ref-1", amount_minor=4_000)
    payment = b.after(late, late, payment=failed)
    assert payment.refunded_minor == 0
    assert [incident.reason for incident in payment.incidents] == [Reason.LATE_APPROVAL]


def test_an_operation_that_went_through_twice_is_an_incident():
    done = b.after(b.refund(4_000), b.recorded("ref-1", amount_minor=4_000), payment=b.succeeded())
    payment = b.after(b.recorded("ref-1", b.approved("other", 4_000)), payment=done)
    assert payment.refunded_minor == 4_000
    assert [incident.reason for incident in payment.incidents] == [Reason.LATE_APPROVAL]


def test_each_check_of_an_operation_without_news_is_counted():
    payment = b.after(b.refund(4_000), b.recorded("ref-1", b.unknown()), payment=b.succeeded())
    assert payment.operations[0].checks == 0
    assert b.after(b.recorded("ref-1", b.unknown()), payment=payment).operations[0].checks == 1
