"""What an attempt's outcome means, whenever it arrives and however often."""

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.evidence import Evidence
from aegispay.domain.invariants import check
from aegispay.domain.outcome import (
    Declined,
    DeclineKind,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
    counts_against_gateway,
)
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.state import AttemptStatus, PaymentState
from tests import builders as b

UNKNOWNS = [
    OutcomeUnknown(reason=Reason.TIMEOUT),
    OutcomeUnknown(reason=Reason.GATEWAY_FAULT),
    Pending(reference="ref-1"),
    Duplicate(),
]
HARD_KINDS = [kind for kind in DeclineKind if kind is not DeclineKind.SOFT]


def declined(kind: DeclineKind) -> Declined:
    return Declined(kind=kind, reason=Reason.DECLINED_OTHER)


def failed_over() -> Payment:
    return b.after(b.outcome(b.not_sent()), b.start(2, "beta"), payment=b.processing())


def reasons(payment: Payment) -> list[Reason]:
    return [incident.reason for incident in payment.incidents]


# --- the first-hand answer ------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", UNKNOWNS, ids=repr)
def test_an_outcome_that_is_not_definite_leaves_the_payment_in_doubt_and_blocks_every_other_attempt(outcome):
    payment = check(b.after(b.outcome(outcome), payment=b.processing()))
    assert (payment.state, payment.in_doubt, payment.is_settled) == (PaymentState.PROCESSING, True, True)
    assert decide(payment, b.start(2, "beta")) is Rejection.OUTCOME_STILL_UNKNOWN


@pytest.mark.parametrize("outcome", [b.not_sent(), GatewayMisconfigured(), b.soft()], ids=lambda o: o.type)
def test_failover_is_open_after_an_outcome_that_surely_moved_no_money(outcome):
    payment = b.after(b.outcome(outcome), payment=b.processing())
    assert (payment.state, payment.open_attempt) == (PaymentState.PROCESSING, None)
    assert b.after(b.start(2, "beta"), payment=payment).gateway == "beta"


@pytest.mark.parametrize("outcome", [*map(declined, HARD_KINDS), InvalidRequest()], ids=repr)
def test_a_final_answer_is_not_tried_elsewhere_and_keeps_its_reason(outcome):
    payment = b.after(b.outcome(outcome), payment=b.processing())
    assert payment.state is PaymentState.FAILURE
    assert payment.failure is not None
    assert (payment.failure.reason, payment.failure.gateway) == (outcome.reason, "alpha")


def test_a_soft_decline_is_final_where_policy_says_so():
    policy = RetryPolicy(failover_on_soft_decline=False)
    payment = b.after(b.outcome(b.soft(), policy=policy), payment=b.processing())
    assert payment.state is PaymentState.FAILURE


def test_attempts_are_counted_and_the_last_allowed_one_ends_the_payment():
    second = failed_over()
    policy = RetryPolicy(attempts_max=2)
    assert b.after(b.outcome(b.not_sent(), 2, policy=policy), payment=second).state is PaymentState.FAILURE
    third = b.after(b.outcome(b.not_sent(), 2), payment=second)
    assert third.state is PaymentState.PROCESSING
    assert [attempt.status for attempt in third.attempts] == [AttemptStatus.FAILED] * 2


def test_an_outcome_of_an_attempt_that_does_not_exist_is_refused():
    assert decide(b.processing(), b.outcome(b.approved(), 2)) is Rejection.NO_SUCH_ATTEMPT


def test_a_decline_keeps_the_gateways_own_code():
    payment = b.after(b.outcome(b.hard()), payment=b.processing())
    assert payment.failure is not None
    assert payment.failure.code == "05"
    assert payment.attempts[0].failure == payment.failure


# --- another amount -------------------------------------------------------------------------------------

ODD_APPROVALS = [b.approved(amount_minor=9_999), b.approved(amount_minor=10_001), b.approved(currency="EUR")]


@pytest.mark.parametrize("outcome", ODD_APPROVALS, ids=repr)
@pytest.mark.parametrize(
    "build", [b.processing, b.in_doubt, lambda: b.in_state(PaymentState.REQUIRES_ACTION)],
    ids=["processing", "in_doubt", "requires_action"],
)  # fmt: skip
def test_an_approval_of_another_amount_is_a_doubt_and_an_incident_never_success(build, outcome):
    payment = check(b.after(b.outcome(outcome), payment=build()))
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert (payment.captured_minor, payment.authorized_minor) == (0, 0)
    assert reasons(payment) == [Reason.AMOUNT_MISMATCH]
    assert "10000 USD" in payment.incidents[0].detail
    assert f"{outcome.amount_minor} {outcome.currency}" in payment.incidents[0].detail


def test_the_same_odd_amount_again_opens_no_second_incident():
    odd = b.outcome(ODD_APPROVALS[0])
    payment = b.after(odd, odd, payment=b.processing())
    assert reasons(payment) == [Reason.AMOUNT_MISMATCH]


# --- doubt ----------------------------------------------------------------------------------------------


def test_each_check_without_news_is_counted_and_sets_the_next_one():
    payment = b.in_doubt()
    assert payment.attempts[0].checks == 0
    payment = b.after(b.outcome(b.unknown(), next_check_at=b.LATER), payment=payment)
    assert (payment.attempts[0].checks, payment.attempts[0].next_check_at) == (1, b.LATER)


def test_evidence_is_on_record_before_what_it_proves():
    command = b.outcome(b.approved(), evidence=Evidence.LOOKUP, detail="seen at 12:00")
    resolved, succeeded = b.decided(b.in_doubt(), command)
    assert (resolved.number, resolved.evidence, resolved.detail) == (1, "lookup", "seen at 12:00")
    assert succeeded.reference == "ref-1"


def test_a_doubt_proven_not_executed_opens_the_way_to_another_gateway():
    absent = NotProcessed(reason=Reason.NEVER_RECEIVED)
    payment = b.after(b.outcome(absent, evidence=Evidence.LOOKUP), payment=b.in_doubt())
    assert (payment.in_doubt, payment.open_attempt, payment.state) == (False, None, PaymentState.PROCESSING)


def test_a_reference_learned_in_doubt_is_not_forgotten_by_a_later_check():
    payment = b.after(b.outcome(Pending(reference="ref-9")), b.outcome(b.unknown()), payment=b.processing())
    assert payment.attempts[0].reference == "ref-9"


def test_a_doubt_may_turn_out_to_be_a_challenge():
    assert b.names(b.decided(b.in_doubt(), b.outcome(b.wants_payer()))) == ["outcome_resolved", "action_required"]


# --- while the payer acts -------------------------------------------------------------------------------


def test_the_gateways_word_ends_a_challenge():
    payment = b.in_state(PaymentState.REQUIRES_ACTION)
    assert b.names(b.decided(payment, b.outcome(b.approved()))) == ["action_completed", "succeeded"]
    assert b.names(b.decided(payment, b.outcome(b.hard()))) == ["attempt_failed", "failed"]


@pytest.mark.parametrize("outcome", [b.unknown(), Duplicate(), b.wants_payer()], ids=lambda o: o.type)
def test_no_news_leaves_the_payers_turn_as_it_is(outcome):
    assert decide(b.in_state(PaymentState.REQUIRES_ACTION), b.outcome(outcome)) == ()


def test_a_gateway_that_is_deciding_has_had_the_payer_so_the_challenge_cannot_expire_any_more():
    challenged = b.in_state(PaymentState.REQUIRES_ACTION)
    payment = check(b.after(b.outcome(Pending(reference="ref-1")), payment=challenged))
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert decide(payment, c.ExpirePayment(at=b.LATER)) is Rejection.NOT_ALLOWED_IN_THIS_STATE


# --- again, and late ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome", [b.approved(), b.hard(), b.not_sent(), GatewayMisconfigured(), InvalidRequest()], ids=lambda o: o.type
)
def test_the_same_outcome_again_changes_nothing(outcome):
    payment = b.after(b.outcome(outcome), payment=b.processing())
    assert decide(payment, b.outcome(outcome)) == ()


@pytest.mark.parametrize("outcome", [b.unknown(), Pending(reference="r"), b.wants_payer()], ids=lambda o: o.type)
def test_late_news_that_proves_nothing_changes_nothing(outcome):
    assert decide(b.succeeded(), b.outcome(outcome)) == ()
    assert decide(b.in_state(PaymentState.FAILURE), b.outcome(outcome)) == ()


def test_a_late_approval_of_a_failed_payment_is_an_incident_once_and_the_state_stays():
    failed = b.in_state(PaymentState.FAILURE)
    payment = b.after(b.outcome(b.approved()), b.outcome(b.approved()), payment=failed)
    assert payment.state is PaymentState.FAILURE
    assert reasons(payment) == [Reason.LATE_APPROVAL]
    assert "ref-1" in payment.incidents[0].detail


def test_a_second_approval_under_another_reference_is_an_incident():
    payment = b.after(b.outcome(b.approved("ref-2")), payment=b.succeeded())
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, b.AMOUNT)
    assert reasons(payment) == [Reason.LATE_APPROVAL]


def test_a_repeated_approval_that_now_names_another_amount_is_an_incident():
    payment = b.after(b.outcome(b.approved(amount_minor=1)), payment=b.succeeded())
    assert payment.captured_minor == b.AMOUNT
    assert reasons(payment) == [Reason.AMOUNT_MISMATCH]


def test_a_decline_of_what_was_approved_is_an_incident_and_never_rewrites_success():
    payment = b.after(b.outcome(b.hard()), b.outcome(b.hard()), payment=b.succeeded())
    assert payment.state is PaymentState.SUCCESS
    assert reasons(payment) == [Reason.CONFLICTING_ANSWER]


def test_after_a_late_approval_nobody_else_is_asked_for_the_money():
    late = b.after(b.outcome(b.approved(), 1), payment=failed_over())
    assert reasons(late) == [Reason.LATE_APPROVAL]
    payment = check(b.after(b.outcome(b.soft(), 2), payment=late))
    assert payment.state is PaymentState.FAILURE


def test_a_late_approval_between_two_attempts_ends_the_payment():
    between = b.after(b.outcome(b.not_sent()), payment=b.processing())
    payment = check(b.after(b.outcome(b.approved()), payment=between))
    assert (payment.state, reasons(payment)) == (PaymentState.FAILURE, [Reason.LATE_APPROVAL])
    assert payment.failure is not None
    assert payment.failure.reason is Reason.NOT_SENT


def test_no_attempt_starts_when_an_operator_has_recorded_a_late_approval():
    between = b.after(b.outcome(b.not_sent()), payment=b.processing())
    opened = c.OpenIncident(at=b.NOW, incident_id="i", reason=Reason.LATE_APPROVAL, detail="seen in the portal")
    assert decide(b.after(opened, payment=between), b.start(2, "beta")) is Rejection.LATE_APPROVAL_REPORTED


def test_an_answer_to_the_first_attempt_says_nothing_about_the_second():
    payment = failed_over()
    assert decide(payment, b.outcome(b.not_sent(), 1)) == ()
    assert decide(payment, b.outcome(b.unknown(), 1)) == ()


# --- who is to blame ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "is_fault"),
    [
        (b.unknown(), True),
        (GatewayMisconfigured(), True),
        (b.not_sent(), True),
        (NotProcessed(reason=Reason.BREAKER_OPEN), False),
        (NotProcessed(reason=Reason.BULKHEAD_FULL), False),
        (NotProcessed(reason=Reason.RATE_LIMITED), False),
        (NotProcessed(reason=Reason.UNSUPPORTED), False),
        (b.approved(), False),
        (b.wants_payer(), False),
        (Pending(reference="r"), False),
        (Duplicate(), False),
        (InvalidRequest(), False),
        *((declined(kind), False) for kind in DeclineKind),
    ],
    ids=repr,
)
def test_only_the_gateways_own_faults_count_against_it(outcome, is_fault):
    assert counts_against_gateway(outcome) is is_fault
