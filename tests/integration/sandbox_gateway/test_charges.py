"""What the adapter makes of the sandbox's payments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aegispay.domain.outcome import (
    ActionKind,
    Approved,
    Declined,
    DeclineKind,
    GatewayMisconfigured,
    InvalidRequest,
    NextAction,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.ports import NotFound
from tests.integration.sandbox_gateway.payloads import charge_request, error, manual_request, outcome, payment

EXPIRES = "2026-01-01T00:15:00+00:00"
ACTION = {"type": "redirect", "url": "http://127.0.0.1:1/challenge/sp_1", "expires_at": EXPIRES}


def charge(body, status=201):
    return outcome("charge", charge_request(), body, status)


def authorize(body, status=201):
    return outcome("authorize", manual_request(), body, status)


def found(*payments, request=None):
    return outcome("fetch_payment", request or charge_request(), {"data": list(payments)})


def is_unreadable(answer):
    return isinstance(answer, OutcomeUnknown) and answer.reason is Reason.UNREADABLE_ANSWER


def test_a_captured_payment_is_an_approved_charge_of_what_was_captured():
    assert charge(payment()) == Approved(reference="sp_1", amount_minor=1_000, currency="USD")


def test_an_authorized_payment_is_an_approved_authorization_of_what_was_authorized():
    assert authorize(payment("authorized")) == Approved(reference="sp_1", amount_minor=1_000, currency="USD")


def test_less_than_asked_is_a_partial_approval_when_the_sandbox_says_so():
    answer = authorize(payment("authorized", authorized_amount=600))
    assert answer == Approved(reference="sp_1", amount_minor=600, currency="USD", is_partial=True)


def test_another_amount_is_reported_as_it_stands_and_not_as_partial():
    answer = authorize(payment("authorized", amount=600, authorized_amount=600))
    assert answer == Approved(reference="sp_1", amount_minor=600, currency="USD", is_partial=False)


def test_another_currency_is_reported_as_it_stands():
    assert charge(payment(currency="EUR")).currency == "EUR"


def test_a_challenge_is_a_redirect_with_its_deadline():
    answer = charge(payment("requires_action", next_action=ACTION))
    action = NextAction(kind=ActionKind.REDIRECT, url=ACTION["url"], expires_at=datetime(2026, 1, 1, 0, 15, tzinfo=UTC))
    assert answer == RequiresAction(reference="sp_1", action=action)


def test_a_payment_in_processing_is_pending():
    assert charge(payment("processing")) == Pending(reference="sp_1")


def test_an_automatic_charge_that_is_only_authorized_is_not_finished():
    assert charge(payment("authorized")) == Pending(reference="sp_1")


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("do_not_honor", DeclineKind.HARD, Reason.DO_NOT_HONOR),
        ("insufficient_funds", DeclineKind.CUSTOMER_FIXABLE, Reason.INSUFFICIENT_FUNDS),
        ("soft_declined", DeclineKind.SOFT, Reason.DO_NOT_HONOR),
        ("authentication_failed", DeclineKind.AUTHENTICATION, Reason.AUTHENTICATION_FAILED),
        ("fraud", DeclineKind.RISK, Reason.FRAUD_SUSPECTED),
        ("brand_new_code", DeclineKind.HARD, Reason.DECLINED_OTHER),
    ],
)
def test_a_decline_is_read_the_same_from_the_answer_and_from_a_look_up(code, kind, reason):
    declined = payment("declined", decline={"code": code, "message": "No.", "kind": "soft", "retry_after_s": 60})
    at_once = charge(error(code, payment=declined), 402)
    later = found(declined)
    assert at_once == Declined(kind=kind, reason=reason, code=code, message="No.", retry_after_s=60.0)
    assert later == at_once


def test_a_decline_that_names_no_code_is_final():
    assert found(payment("declined")) == Declined(
        kind=DeclineKind.HARD, reason=Reason.DECLINED_OTHER, code="unspecified"
    )


def test_a_card_number_in_a_message_is_removed():
    answer = charge(error("do_not_honor") | {"error": {"code": "do_not_honor", "message": "4242424242424242 bad"}}, 402)
    assert answer.message == "[removed] bad"


@pytest.mark.parametrize(
    ("body", "status", "kind", "reason"),
    [
        (error("invalid_api_key", type="authentication"), 401, GatewayMisconfigured, Reason.BAD_CREDENTIALS),
        (error("amount_invalid", type="invalid_request"), 400, InvalidRequest, Reason.REJECTED_REQUEST),
        (error("key_reused", type="idempotency_mismatch"), 400, OutcomeUnknown, Reason.DUPLICATE_REFERENCE),
        (error("in_progress", type="in_progress"), 409, OutcomeUnknown, Reason.IN_PROGRESS),
        (error("rate_limited", type="rate_limit"), 429, OutcomeUnknown, Reason.RATE_LIMITED),
        (error("rate_limited", type="rate_limit", executed=False), 429, NotProcessed, Reason.RATE_LIMITED),
        (error("rate_limited", type="rate_limit", executed=0), 429, OutcomeUnknown, Reason.RATE_LIMITED),
        (error("server", type="server"), 500, OutcomeUnknown, Reason.GATEWAY_FAULT),
        (error("server", type="server"), 520, OutcomeUnknown, Reason.GATEWAY_FAULT),
        ({}, 302, OutcomeUnknown, Reason.UNREADABLE_ANSWER),
    ],
)
def test_a_refusal_is_what_its_status_and_code_say(body, status, kind, reason):
    answer = charge(body, status)
    assert (type(answer), answer.reason) == (kind, reason)


# --- look-ups ---------------------------------------------------------------------------------------


def test_a_reference_that_the_sandbox_does_not_know_is_not_found():
    assert found() == NotFound()


@pytest.mark.parametrize("status", ["authorized", "captured", "voided"])
def test_an_authorization_that_was_used_or_released_later_had_been_approved(status):
    answer = found(payment(status), request=manual_request())
    assert answer == Approved(reference="sp_1", amount_minor=1_000, currency="USD")


def test_a_charge_whose_money_was_released_was_not_charged():
    answer = found(payment("voided"))
    assert (answer.type, answer.kind, answer.code) == ("declined", DeclineKind.HARD, "voided")


@pytest.mark.parametrize("request_made", [charge_request(), manual_request()], ids=["charge", "authorize"])
def test_an_authorization_that_expired_unused_is_declined_as_expired(request_made):
    answer = found(payment("expired"), request=request_made)
    assert (answer.kind, answer.reason) == (DeclineKind.HARD, Reason.AUTHORIZATION_EXPIRED)


def test_a_challenge_that_expired_is_declined_for_its_authentication():
    answer = found(payment("expired", authorized_amount=0))
    assert (answer.kind, answer.reason) == (DeclineKind.AUTHENTICATION, Reason.ACTION_EXPIRED)


def test_an_authorization_of_which_a_part_was_captured_before_it_expired_had_been_approved():
    answer = found(payment("expired", captured_amount=300), request=manual_request())
    assert (answer.type, answer.amount_minor) == ("approved", 1_000)


def test_two_payments_under_one_reference_are_for_a_person_to_look_at():
    answer = found(payment(), payment(id="sp_2"))
    assert (type(answer), answer.reason) == (OutcomeUnknown, Reason.CONFLICTING_ANSWER)


def test_of_several_payments_the_one_that_moved_money_counts():
    declined = payment("declined", id="sp_2")
    assert found(declined, payment(), declined).reference == "sp_1"
    assert found(declined, declined).type == "declined"


@pytest.mark.parametrize("status", [404, 410, 204, 500])
def test_a_look_up_that_fails_never_says_that_there_is_nothing(status):
    answer = outcome("fetch_payment", charge_request(), {"data": []}, status)
    assert isinstance(answer, OutcomeUnknown)


@pytest.mark.parametrize("body", [[], {}, {"data": None}, {"data": {}}, {"data": [None]}, {"data": [{}]}])
def test_a_look_up_that_cannot_be_read_never_says_that_there_is_nothing(body):
    assert is_unreadable(outcome("fetch_payment", charge_request(), body))
