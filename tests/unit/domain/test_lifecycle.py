"""Every row of the lifecycle: from which state, on which command, to which state, with exactly which events."""

from datetime import timedelta

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.invariants import check
from aegispay.domain.keys import cancel_id
from aegispay.domain.outcome import ActionKind, NextAction, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import AttemptStatus, PaymentState
from aegispay.domain.timers import wake_at
from tests import builders as b

S = PaymentState
ACTION_ENDS_AT = b.NOW + timedelta(minutes=15)


def require_action() -> c.RequireAction:
    action = NextAction(kind=ActionKind.REDIRECT, url="https://bank.example", expires_at=ACTION_ENDS_AT)
    return c.RequireAction(at=b.NOW, action=action, gateway="alpha", reference="ref-1")


def complete(*, is_passed: bool) -> c.CompleteAction:
    return c.CompleteAction(at=b.NOW, is_passed=is_passed)


def refuse(reason: Reason = Reason.RISK_REFUSED) -> c.RefusePayment:
    return c.RefusePayment(at=b.NOW, reason=reason, message="because")


def challenged_before_any_attempt() -> Payment:
    return b.after(b.create(), require_action())


def challenged_in_its_attempt() -> Payment:
    return b.in_state(S.REQUIRES_ACTION)


def void_requested() -> Payment:
    return b.after(b.cancel(), payment=b.authorized())


def capture_requested() -> Payment:
    return b.after(b.capture(None), payment=b.authorized())


def refund_requested(amount_minor: int) -> Payment:
    return b.after(b.refund(amount_minor), payment=b.succeeded())


def partly_refunded_and_the_rest_requested() -> Payment:
    return b.after(b.refund(None, "ref-2"), payment=b.in_state(S.PARTIALLY_REFUNDED))


def cancel_remembered(**changes) -> Payment:
    return b.after(b.cancel(), payment=b.in_doubt(**changes))


def cancelled_in_its_challenge(**changes) -> Payment:
    return b.after(b.outcome(b.wants_payer()), b.cancel(), payment=b.processing(**changes))


def release_failed() -> Payment:
    return b.after(b.recorded(cancel_id(b.ID, 1), b.not_sent()), payment=b.cancelled_too_late(capture="manual"))


def return_failed() -> Payment:
    return b.after(b.recorded(cancel_id(b.ID, 1), b.not_sent()), payment=b.cancelled_too_late())


WEEK = timedelta(days=7)
QUARTER = timedelta(minutes=15)

ROWS = {
    "authenticated": (lambda: b.in_state(S.INITIATED), b.authenticate(), ["authenticated"], S.AUTHENTICATED),
    "challenge before the attempt": (
        lambda: b.in_state(S.INITIATED), require_action(), ["action_required"], S.REQUIRES_ACTION),
    "challenge in the attempt": (b.processing, b.outcome(b.wants_payer()), ["action_required"], S.REQUIRES_ACTION),
    "challenge passed, back before the attempt": (
        challenged_before_any_attempt, complete(is_passed=True), ["action_completed"], S.AUTHENTICATED),
    "challenge passed, back in the attempt": (
        challenged_in_its_attempt, complete(is_passed=True), ["action_completed"], S.PROCESSING),
    "challenge failed before the attempt": (
        challenged_before_any_attempt, complete(is_passed=False), ["failed"], S.FAILURE),
    "challenge failed in the attempt": (
        challenged_in_its_attempt, complete(is_passed=False), ["attempt_failed", "failed"], S.FAILURE),
    "challenge expired before the attempt": (challenged_before_any_attempt, b.expire(QUARTER), ["failed"], S.FAILURE),
    "challenge expired in the attempt": (
        challenged_in_its_attempt, b.expire(QUARTER), ["attempt_failed", "failed"], S.FAILURE),
    "refused at first": (lambda: b.in_state(S.INITIATED), refuse(), ["failed"], S.FAILURE),
    "refused when authenticated": (lambda: b.in_state(S.AUTHENTICATED), refuse(), ["failed"], S.FAILURE),
    "attempt started": (lambda: b.in_state(S.AUTHENTICATED), b.start(), ["processing"], S.PROCESSING),
    "attempt failed, another allowed": (b.processing, b.outcome(b.not_sent()), ["attempt_failed"], S.PROCESSING),
    "next attempt": (
        lambda: b.after(b.outcome(b.not_sent()), payment=b.processing()),
        b.start(2, "beta"), ["retry_attempted"], S.PROCESSING),
    "outcome unknown": (b.processing, b.outcome(b.unknown()), ["outcome_unknown"], S.PROCESSING),
    "approved, automatic capture": (b.processing, b.outcome(b.approved()), ["succeeded"], S.SUCCESS),
    "approved, manual capture": (
        lambda: b.processing(capture="manual"), b.outcome(b.approved()), ["authorized"], S.AUTHORIZED),
    "doubt ends well": (b.in_doubt, b.outcome(b.approved()), ["outcome_resolved", "succeeded"], S.SUCCESS),
    "doubt ends badly": (
        b.in_doubt, b.outcome(b.hard()), ["outcome_resolved", "attempt_failed", "failed"], S.FAILURE),
    "failed, none left": (b.processing, b.outcome(b.hard()), ["attempt_failed", "failed"], S.FAILURE),
    "captured": (capture_requested, b.recorded("cap-1"), ["capture_succeeded", "succeeded"], S.SUCCESS),
    "voided": (void_requested, b.recorded("void-1"), ["void_succeeded", "cancelled"], S.CANCELLED),
    "authorization expired": (b.authorized, b.expire(WEEK), ["cancelled"], S.CANCELLED),
    "never processed": (lambda: b.in_state(S.INITIATED), b.expire(WEEK), ["cancelled"], S.CANCELLED),
    "cancelled at first": (lambda: b.in_state(S.INITIATED), b.cancel(), ["cancelled"], S.CANCELLED),
    "cancelled when authenticated": (lambda: b.in_state(S.AUTHENTICATED), b.cancel(), ["cancelled"], S.CANCELLED),
    "cancelled during a challenge before the attempt": (
        challenged_before_any_attempt, b.cancel(), ["cancelled"], S.CANCELLED),
    "cancel during a challenge in the attempt": (
        challenged_in_its_attempt, b.cancel(), ["cancel_requested"], S.REQUIRES_ACTION),
    "cancel remembered, challenge failed": (
        cancelled_in_its_challenge, complete(is_passed=False), ["attempt_failed", "cancelled"], S.CANCELLED),
    "cancel remembered, challenge expired": (
        cancelled_in_its_challenge, b.expire(QUARTER), ["attempt_failed", "cancelled"], S.CANCELLED),
    "cancel remembered, challenge declined": (
        cancelled_in_its_challenge, b.outcome(b.soft()), ["attempt_failed", "cancelled"], S.CANCELLED),
    "cancel remembered, challenge passed for capture": (
        lambda: cancelled_in_its_challenge(capture="manual"), b.outcome(b.approved()),
        ["action_completed", "authorized", "void_requested"], S.AUTHORIZED),
    "cancel remembered, challenge passed and charged": (
        cancelled_in_its_challenge, b.outcome(b.approved()),
        ["action_completed", "succeeded", "refund_requested"], S.SUCCESS),
    "authorized in part": (
        lambda: b.processing(capture="manual"), b.outcome(b.approved(amount_minor=6_000, is_partial=True)),
        ["authorized"], S.AUTHORIZED),
    "expiry announced": (b.authorized, b.expire(WEEK * 4 / 5), ["authorization_expiring"], S.AUTHORIZED),
    "charged back": (b.succeeded, b.chargeback(), ["charged_back"], S.SUCCESS),
    "release tried again": (release_failed, b.repeat_cancel(), ["void_requested"], S.AUTHORIZED),
    "return tried again": (return_failed, b.repeat_cancel(), ["refund_requested"], S.SUCCESS),
    "cancelled between attempts": (
        lambda: b.after(b.outcome(b.not_sent()), payment=b.processing()), b.cancel(), ["cancelled"], S.CANCELLED),
    "cancel in the attempt": (b.processing, b.cancel(), ["cancel_requested"], S.PROCESSING),
    "cancel in doubt": (b.in_doubt, b.cancel(), ["cancel_requested"], S.PROCESSING),
    "cancel remembered, approved for capture": (
        lambda: cancel_remembered(capture="manual"), b.outcome(b.approved()),
        ["outcome_resolved", "authorized", "void_requested"], S.AUTHORIZED),
    "cancel remembered, captured already": (
        cancel_remembered, b.outcome(b.approved()),
        ["outcome_resolved", "succeeded", "refund_requested"], S.SUCCESS),
    "cancel remembered, failed": (
        cancel_remembered, b.outcome(b.soft()), ["outcome_resolved", "attempt_failed", "cancelled"], S.CANCELLED),
    "part refunded": (
        lambda: refund_requested(4_000), b.recorded("ref-1", amount_minor=4_000),
        ["refund_succeeded", "partially_refunded"], S.PARTIALLY_REFUNDED),
    "all refunded": (
        lambda: refund_requested(b.AMOUNT), b.recorded("ref-1"), ["refund_succeeded", "refunded"], S.REFUNDED),
    "rest refunded": (
        partly_refunded_and_the_rest_requested, b.recorded("ref-2", amount_minor=6_000),
        ["refund_succeeded", "refunded"], S.REFUNDED),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_lifecycle_has_exactly_these_events_and_this_state(row):
    build, command, expected, state = ROWS[row]
    before = build()
    assert b.names(b.decided(before, command)) == expected
    after = check(b.after(command, payment=before))
    assert after.state is state
    assert after.version == before.version + len(expected)


def test_a_payment_begins_initiated_with_the_whole_request():
    (event,) = b.decided(None, b.create())
    payment = b.after(b.create())
    assert b.names([event]) == ["initiated"]
    assert (payment.state, payment.version, payment.request) == (S.INITIATED, 1, b.request())


def test_the_same_request_again_changes_nothing_and_another_one_is_refused():
    payment = b.succeeded()
    assert decide(payment, b.create()) == ()
    assert decide(payment, b.create(amount="100.01")) is Rejection.KEY_USED_FOR_ANOTHER_REQUEST


@pytest.mark.parametrize("state", [S.INITIATED, S.AUTHENTICATED])
def test_a_refusal_keeps_its_reason(state):
    payment = b.after(refuse(Reason.VALIDATION_REFUSED), payment=b.in_state(state))
    assert payment.failure is not None
    assert (payment.failure.reason, payment.failure.message) == (Reason.VALIDATION_REFUSED, "because")
    assert payment.failure.gateway is None


def test_when_no_gateway_is_left_the_last_attempt_says_why():
    between = b.after(b.outcome(b.not_sent()), payment=b.processing())
    payment = b.after(refuse(Reason.NO_ELIGIBLE_GATEWAY), payment=between)
    assert payment.failure is not None
    assert (payment.failure.reason, payment.failure.gateway) == (Reason.NOT_SENT, "alpha")


def test_a_refusal_by_risk_after_a_failed_attempt_is_not_blamed_on_the_gateway():
    between = b.after(b.outcome(b.not_sent()), payment=b.processing())
    payment = b.after(refuse(Reason.RISK_REFUSED), payment=between)
    assert payment.failure is not None
    assert (payment.failure.reason, payment.failure.gateway) == (Reason.RISK_REFUSED, None)


def test_a_payment_whose_outcome_is_open_cannot_be_refused():
    assert decide(b.processing(), refuse()) is Rejection.ATTEMPT_STILL_OPEN
    assert decide(b.in_doubt(), refuse()) is Rejection.OUTCOME_STILL_UNKNOWN


def test_no_attempt_starts_while_one_is_open_or_in_doubt():
    assert decide(b.processing(), b.start(2, "beta")) is Rejection.ATTEMPT_STILL_OPEN
    assert decide(b.in_doubt(), b.start(2, "beta")) is Rejection.OUTCOME_STILL_UNKNOWN


def test_no_attempt_starts_once_a_cancel_is_remembered():
    payment = b.after(b.cancel(), payment=b.processing())
    failed = b.after(b.outcome(b.not_sent()), payment=payment)
    assert failed.state is S.CANCELLED
    assert decide(failed, b.start(2, "beta")) is Rejection.NOT_ALLOWED_IN_THIS_STATE


def test_a_remembered_cancel_is_not_asked_for_twice():
    assert decide(cancel_remembered(), b.cancel()) == ()


def test_a_challenge_of_a_payment_that_is_being_cancelled_is_waited_for_because_the_payer_may_pass_it_at_the_gateway():
    payment = b.after(b.cancel(), b.outcome(b.wants_payer()), payment=b.processing())
    assert (payment.state, payment.is_cancel_requested) == (S.REQUIRES_ACTION, True)
    assert wake_at(payment) == ACTION_ENDS_AT


def test_a_remembered_cancel_voids_exactly_the_authorized_amount_under_a_key_of_its_own():
    payment = b.after(b.outcome(b.approved()), payment=cancel_remembered(capture="manual"))
    (void,) = payment.operations
    assert (void.amount_minor, void.idempotency_key) == (b.AMOUNT, f"{b.ID}-cancel-alpha")


@pytest.mark.parametrize("state", [S.CANCELLED, S.AUTHENTICATED])
def test_a_goal_already_reached_is_no_error(state):
    command = b.cancel() if state is S.CANCELLED else b.authenticate()
    assert decide(b.in_state(state), command) == ()


@pytest.mark.parametrize("build", [challenged_before_any_attempt, challenged_in_its_attempt, b.authorized])
def test_nothing_expires_before_its_time(build):
    assert decide(build(), b.expire(QUARTER - timedelta(seconds=1))) is Rejection.NOT_YET_EXPIRED


@pytest.mark.parametrize("state", [S.AUTHENTICATED, S.PROCESSING, S.SUCCESS, S.FAILURE, S.CANCELLED, S.REFUNDED])
def test_time_alone_ends_nothing_that_may_have_moved_money(state):
    assert decide(b.in_state(state), b.expire(timedelta(days=365))) is Rejection.NOT_ALLOWED_IN_THIS_STATE


def test_a_doubt_never_expires():
    assert decide(b.in_doubt(), b.expire(timedelta(days=3650))) is Rejection.NOT_ALLOWED_IN_THIS_STATE


def test_a_passed_challenge_leaves_the_attempt_open_and_due_to_be_asked_about():
    payment = b.after(complete(is_passed=True), payment=challenged_in_its_attempt())
    assert payment.open_attempt is not None
    assert (payment.open_attempt.status, payment.open_attempt.next_check_at) == (AttemptStatus.STARTED, b.NOW)
    assert (payment.open_attempt.reference, payment.action) == ("ref-1", None)


def test_an_authorization_captured_in_part_ends_as_success_when_it_lapses():
    part = b.after(b.capture(3_000, is_final=False), b.recorded("cap-1", amount_minor=3_000), payment=b.authorized())
    assert part.state is S.AUTHORIZED
    lapsed = check(b.after(b.expire(WEEK), payment=part))
    assert (lapsed.state, lapsed.captured_minor) == (S.SUCCESS, 3_000)


def test_an_authorization_does_not_lapse_while_a_capture_is_open():
    assert decide(capture_requested(), b.expire(WEEK)) is Rejection.OPERATION_STILL_OPEN
