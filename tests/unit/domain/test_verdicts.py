"""What a person says about a doubt: taken only while there is one, and never a reason to charge elsewhere."""

from datetime import timedelta

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.evidence import Evidence, Verdict, parse_verdict
from aegispay.domain.invariants import check
from aegispay.domain.outcome import NotProcessed, Reason
from aegispay.domain.rejection import Rejection
from aegispay.domain.resolution import Purpose
from aegispay.domain.state import AttemptStatus, OperationStatus, PaymentState
from aegispay.domain.verdict import doubt_meant, parse_testimony, verdict_command
from aegispay.errors import CardDataError, NotInDoubtError, ValidationError
from tests import builders as b

NOT_EXECUTED = NotProcessed(reason=Reason.OPERATOR_VERDICT, message="not in their portal")


def charge(outcome):
    return b.outcome(outcome, evidence=Evidence.OPERATOR, detail="olga: portal")


def operation(name, outcome=None, **changes):
    return b.recorded(name, outcome, evidence=Evidence.OPERATOR, detail="olga: portal", **changes)


def refund_in_doubt():
    return b.after(b.refund(4_000), b.recorded("ref-1", b.unknown()), payment=b.succeeded())


# --- charges --------------------------------------------------------------------------------------------


def test_a_charge_that_a_person_says_was_made_is_a_success_with_its_evidence():
    resolved, succeeded = b.decided(b.in_doubt(), charge(b.approved("by-olga")))
    assert (resolved.evidence, resolved.detail, succeeded.reference) == ("operator", "olga: portal", "by-olga")
    assert check(b.after(charge(b.approved()), payment=b.in_doubt())).state is PaymentState.SUCCESS


def test_a_charge_that_a_person_says_was_not_made_ends_the_payment_and_is_not_tried_elsewhere():
    payment = check(b.after(charge(NOT_EXECUTED), payment=b.in_doubt()))
    assert (payment.state, payment.attempts[0].status) == (PaymentState.FAILURE, AttemptStatus.FAILED)
    assert payment.failure is not None
    assert payment.failure.reason is Reason.OPERATOR_VERDICT
    assert decide(payment, b.start(2, "beta")) is Rejection.NOT_ALLOWED_IN_THIS_STATE


def test_the_same_proof_by_look_up_opens_the_way_to_another_gateway():
    payment = b.after(b.outcome(NOT_EXECUTED, evidence=Evidence.LOOKUP), payment=b.in_doubt())
    assert (payment.state, payment.open_attempt) == (PaymentState.PROCESSING, None)


def test_a_cancelled_charge_that_a_person_says_was_not_made_is_cancelled():
    payment = b.after(b.cancel(), charge(NOT_EXECUTED), payment=b.in_doubt())
    assert check(payment).state is PaymentState.CANCELLED


@pytest.mark.parametrize("state", PaymentState)
@pytest.mark.parametrize("outcome", [b.approved("other"), NOT_EXECUTED], ids=["executed", "not executed"])
def test_a_verdict_about_a_charge_that_is_not_in_doubt_is_refused(state, outcome):
    payment = b.in_state(state)
    expected = Rejection.NOT_IN_DOUBT if payment.attempts else Rejection.NO_SUCH_ATTEMPT
    assert decide(payment, charge(outcome)) is expected


def test_a_verdict_is_not_taken_twice():
    payment = b.after(charge(NOT_EXECUTED), payment=b.in_doubt())
    assert decide(payment, charge(NOT_EXECUTED)) is Rejection.NOT_IN_DOUBT
    assert decide(payment, charge(b.approved())) is Rejection.NOT_IN_DOUBT


def test_a_gateway_that_contradicts_a_verdict_opens_an_incident():
    payment = check(b.after(charge(NOT_EXECUTED), b.outcome(b.approved()), payment=b.in_doubt()))
    assert payment.state is PaymentState.FAILURE
    assert [incident.reason for incident in payment.incidents] == [Reason.LATE_APPROVAL]


# --- captures, voids and refunds ------------------------------------------------------------------------


def test_a_refund_that_a_person_says_was_made_is_counted_with_its_evidence():
    payment = check(b.after(operation("ref-1", amount_minor=4_000), payment=refund_in_doubt()))
    assert (payment.refunded_minor, payment.in_doubt) == (4_000, False)
    done, _ = b.decided(refund_in_doubt(), operation("ref-1", amount_minor=4_000))
    assert (done.evidence, done.detail) == ("operator", "olga: portal")


def test_a_refund_that_a_person_says_was_not_made_gives_its_reservation_back():
    payment = check(b.after(operation("ref-1", NOT_EXECUTED), payment=refund_in_doubt()))
    assert (payment.refundable_minor, payment.operations[0].status) == (b.AMOUNT, OperationStatus.FAILED)
    (failed,) = b.decided(refund_in_doubt(), operation("ref-1", NOT_EXECUTED))
    assert (failed.evidence, failed.detail) == ("operator", "olga: portal")


@pytest.mark.parametrize("outcome", [None, NOT_EXECUTED], ids=["executed", "not executed"])
def test_a_verdict_about_an_operation_that_is_not_in_doubt_is_refused(outcome):
    requested = b.after(b.refund(4_000), payment=b.succeeded())
    done = b.after(b.recorded("ref-1", amount_minor=4_000), payment=requested)
    failed = b.after(b.recorded("ref-1", b.hard()), payment=requested)
    for payment in (requested, done, failed):
        assert decide(payment, operation("ref-1", outcome, amount_minor=4_000)) is Rejection.NOT_IN_DOUBT


def test_a_person_can_settle_a_capture_void_or_charge_while_the_payment_is_parked():
    capturing = b.after(b.capture(None), b.recorded("cap-1", b.unknown()), payment=b.authorized())
    parked = b.after(c.ParkPayment(at=b.NOW, cause="crashes"), payment=capturing)
    assert check(b.after(operation("cap-1"), payment=parked)).state is PaymentState.SUCCESS


# --- what is in doubt -----------------------------------------------------------------------------------


def test_everything_in_doubt_is_named_and_the_oldest_says_since_when():
    assert [doubt.id for doubt in refund_in_doubt().doubts] == ["ref-1"]
    later = b.NOW.replace(hour=13)
    both = (b.refund(1_000, "ref-2"), b.recorded("ref-2", b.unknown(), at=later))
    payment = b.after(*both, payment=refund_in_doubt())
    assert [doubt.id for doubt in payment.doubts] == ["ref-1", "ref-2"]
    assert payment.doubt_since == b.NOW


def test_a_doubt_keeps_its_age_however_often_it_was_asked_about():
    later = b.NOW.replace(hour=13)
    payment = b.after(b.outcome(b.unknown(), at=later), payment=b.in_doubt())
    assert (payment.doubt_since, payment.doubts[0].checks) == (b.NOW, 1)
    payment = b.after(b.recorded("ref-1", b.unknown(), at=later), payment=refund_in_doubt())
    assert (payment.doubt_since, payment.doubts[0].checks) == (b.NOW, 1)


def test_a_payment_without_a_doubt_has_none_to_name():
    payment = b.succeeded()
    assert (payment.doubts, payment.in_doubt, payment.doubt_since) == ((), False, None)


def test_a_doubt_about_a_refund_is_a_doubt_but_none_about_the_charge():
    assert (refund_in_doubt().in_doubt, refund_in_doubt().is_charge_in_doubt) == (True, False)
    assert (b.in_doubt().in_doubt, b.in_doubt().is_charge_in_doubt) == (True, True)


# --- words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_read_by_its_word(verdict):
    assert parse_verdict(verdict.value) is verdict
    assert parse_verdict(verdict) is verdict


@pytest.mark.parametrize("word", ["", "EXECUTED", "maybe", None, 1, []], ids=repr)
def test_an_unknown_verdict_is_refused_with_the_words_there_are(word):
    with pytest.raises(ValidationError, match="use executed or not_executed"):
        parse_verdict(word)


def test_every_way_of_asking_is_evidence_of_its_own():
    assert {purpose: purpose.evidence for purpose in Purpose} == {
        Purpose.SEND: Evidence.ANSWER,
        Purpose.LOOKUP: Evidence.LOOKUP,
        Purpose.RESEND: Evidence.RESEND,
        Purpose.COMPLETE: Evidence.COMPLETE,
    }


# --- what a person says ---------------------------------------------------------------------------------


def said(verdict=Verdict.EXECUTED, **changes):
    return parse_testimony(verdict, **({"evidence": "portal", "operator": "olga"} | changes))


def two_doubts():
    return b.after(b.refund(1_000, "ref-2"), b.recorded("ref-2", b.unknown()), payment=refund_in_doubt())


def test_the_only_doubt_is_meant_without_naming_it():
    assert doubt_meant(refund_in_doubt(), None).id == "ref-1"
    assert doubt_meant(b.in_doubt(), None).id == f"{b.ID}-a1"


def test_of_several_doubts_one_has_to_be_named():
    with pytest.raises(NotInDoubtError, match="several things in doubt: ref-1, ref-2"):
        doubt_meant(two_doubts(), None)
    assert doubt_meant(two_doubts(), "ref-2").id == "ref-2"


@pytest.mark.parametrize("reference", ["ref-9", f"{b.ID}-a1"])
def test_what_is_not_in_doubt_cannot_be_meant(reference):
    with pytest.raises(NotInDoubtError, match="is not in doubt; in doubt are ref-1, ref-2"):
        doubt_meant(two_doubts(), reference)
    with pytest.raises(NotInDoubtError, match=r"is not in doubt$"):
        doubt_meant(b.succeeded(), reference)


def verdict(payment, testimony):
    sent = doubt_meant(payment, testimony.reference)
    return verdict_command(payment, sent, testimony, at=b.NOW, authorization_validity_s=60.0)


def test_a_verdict_is_about_exactly_what_was_asked_for():
    charge_ = verdict(b.in_doubt(), said(gateway_reference="ch_7"))
    refund_ = verdict(refund_in_doubt(), said(gateway_reference="re_7"))
    assert (charge_.outcome.amount_minor, charge_.outcome.reference) == (b.AMOUNT, "ch_7")
    assert (refund_.outcome.amount_minor, refund_.outcome.reference) == (4_000, "re_7")
    assert charge_.detail == refund_.detail == "olga: portal"


def test_what_was_done_needs_the_gateways_own_id_unless_it_has_named_it():
    with pytest.raises(ValidationError, match="gateway_reference: say under which id the gateway has"):
        verdict(b.in_doubt(), said())
    named = b.after(b.outcome(b.approved("ch_9", b.AMOUNT + 1)), payment=b.processing())
    assert verdict(named, said()).outcome.reference == "ch_9"


def test_only_an_authorization_can_turn_out_to_be_for_less_than_was_asked():
    manual = b.in_doubt(capture="manual")
    outcome = verdict(manual, said(gateway_reference="ch_7", amount="60.00")).outcome
    assert (outcome.amount_minor, outcome.is_partial) == (6_000, True)
    for payment, amount in ((b.in_doubt(), "60.00"), (manual, "100.01"), (refund_in_doubt(), "39.99")):
        with pytest.raises(ValidationError, match=r"amount: .* was asked for: put the difference right"):
            verdict(payment, said(gateway_reference="ch_7", amount=amount))


def test_a_verdict_that_nothing_was_done_keeps_what_it_rests_on():
    command = verdict(b.in_doubt(), said("not_executed"))
    assert command.outcome == NotProcessed(reason=Reason.OPERATOR_VERDICT, message="portal")
    assert check(b.after(command, payment=b.in_doubt())).state is PaymentState.FAILURE


def test_an_authorization_that_a_person_confirms_can_be_captured_for_a_time():
    payment = b.in_doubt(capture="manual")
    payment = check(b.after(verdict(payment, said(gateway_reference="ch_7")), payment=payment))
    assert (payment.state, payment.expires_at) == (PaymentState.AUTHORIZED, b.NOW + timedelta(seconds=60))


@pytest.mark.parametrize(
    "changes",
    [{"evidence": ""}, {"evidence": "x" * 501}, {"operator": ""}, {"operator": "x" * 101}, {"operator": None},
     {"reference": "x" * 256}, {"gateway_reference": ""}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_words_that_are_missing_or_too_long_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        said(**changes)


@pytest.mark.parametrize("field", ["evidence", "operator", "reference", "gateway_reference"])
def test_a_card_number_in_a_verdict_is_refused_and_not_repeated(field):
    with pytest.raises(CardDataError) as caught:
        said(**{field: "card 4242 4242 4242 4242"})
    assert "4242" not in str(caught.value)
