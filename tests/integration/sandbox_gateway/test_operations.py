"""What the adapter makes of captures, voids and refunds."""

from __future__ import annotations

import json

import pytest

from aegispay.domain.outcome import Approved, Declined, DeclineKind, Duplicate, OutcomeUnknown, Pending, Reason
from aegispay.domain.state import OperationKind
from aegispay.ports import NotFound
from tests.integration.sandbox_gateway.payloads import ask, error, operation, operation_request, outcome, response, sent

KINDS = [*OperationKind]
PATHS = {"capture": "captures", "void": "voids", "refund": "refunds"}
BODIES = {
    "capture": {"reference": "pay_1-capture-1", "amount": 300, "final": False},
    "void": {"reference": "pay_1-void-1"},
    "refund": {"reference": "pay_1-refund-1", "amount": 300},
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_operation_is_sent_to_its_payment_and_approved_with_its_own_id_and_amount(kind):
    answer, server = ask(kind.value, operation_request(kind), response(operation(kind.value), 201))
    line, headers, body = sent(server)
    assert answer == Approved(reference="sc_1", amount_minor=300, currency="USD")
    assert line == f"POST /v1/payments/sp_1/{PATHS[kind.value]} HTTP/1.1"
    assert headers["idempotency-key"] == "key-2"
    assert json.loads(body) == BODIES[kind.value]


def test_the_last_capture_says_so():
    _, server = ask("capture", operation_request(is_final=True), response(operation(), 201))
    assert json.loads(sent(server)[2])["final"] is True


def test_an_id_of_the_payment_is_quoted_in_the_address():
    request = operation_request(gateway_reference="../admin?x=1")
    _, server = ask("capture", request, response(operation(payment="../admin?x=1"), 201))
    assert sent(server)[0] == "POST /v1/payments/..%2Fadmin%3Fx%3D1/captures HTTP/1.1"


@pytest.mark.parametrize("kind", KINDS)
def test_an_operation_that_takes_its_time_is_pending(kind):
    assert outcome(kind.value, operation_request(kind), operation(kind.value, status="pending"), 201) == Pending(
        reference="sc_1"
    )


@pytest.mark.parametrize("method", ["refund", "fetch_operation"])
def test_a_failed_operation_is_declined_with_the_reason_of_its_code(method):
    failed = operation("refund", status="failed", failure={"code": "insufficient_funds", "message": "No."})
    answer = outcome(method, operation_request(OperationKind.REFUND), {"data": [failed]} if "_" in method else failed)
    assert answer == Declined(
        kind=DeclineKind.CUSTOMER_FIXABLE, reason=Reason.INSUFFICIENT_FUNDS, code="insufficient_funds", message="No."
    )


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("capture", "already_voided", Reason.DECLINED_OTHER),
        ("capture", "authorization_expired", Reason.AUTHORIZATION_EXPIRED),
        ("capture", "amount_too_large", Reason.LIMIT_EXCEEDED),
        ("void", "already_captured", Reason.DECLINED_OTHER),
        ("refund", "not_captured", Reason.DECLINED_OTHER),
        ("refund", "amount_too_large", Reason.LIMIT_EXCEEDED),
    ],
)
def test_what_the_state_forbids_is_declined_for_good(kind, code, reason):
    answer = outcome(kind, operation_request(OperationKind(kind)), error(code, type="invalid_state"), 409)
    assert (type(answer), answer.kind, answer.reason, answer.code) == (Declined, DeclineKind.HARD, reason, code)


@pytest.mark.parametrize(("kind", "code"), [("capture", "already_captured"), ("void", "already_voided")])
def test_a5_what_is_done_already_may_have_been_us_and_is_looked_up(kind, code):
    answer = outcome(kind, operation_request(OperationKind(kind)), error(code, type="invalid_state"), 409)
    assert answer == Duplicate()


def test_a5_another_operation_under_way_leaves_open_what_became_of_this_one():
    answer = outcome("capture", operation_request(), error("in_other_operation", type="invalid_state"), 409)
    assert (type(answer), answer.reason) == (OutcomeUnknown, Reason.IN_PROGRESS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_look_up_finds_the_operation_by_its_reference(kind):
    answer, server = ask("fetch_operation", operation_request(kind), response({"data": [operation(kind.value)]}))
    assert sent(server)[0] == f"GET /v1/operations?reference=pay_1-{kind.value}-1 HTTP/1.1"
    assert answer == Approved(reference="sc_1", amount_minor=300, currency="USD")


def test_an_operation_that_the_sandbox_does_not_know_is_not_found():
    assert outcome("fetch_operation", operation_request(), {"data": []}) == NotFound()


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "pay_2-capture-1"},
        {"payment": "sp_2"},
        {"kind": "refund"},
        {"amount": -1},
        {"amount": "300"},
        {"amount": 300.0},
        {"amount": True},
        {"status": "done"},
        {"currency": "DOLLAR"},
        {"object": "payment"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["capture", "fetch_operation"])
def test_a4_an_operation_that_is_not_ours_or_cannot_be_read_is_unknown(changes, method):
    said = operation(**changes)
    answer = outcome(method, operation_request(), {"data": [said]} if "_" in method else said)
    assert (type(answer), answer.reason) == (OutcomeUnknown, Reason.UNREADABLE_ANSWER)
