"""Captures, voids and refunds at the simulated provider: done as far as its books allow, and refused beyond."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from aegispay.domain.outcome import (
    Approved,
    InvalidRequest,
    OutcomeUnknown,
    Reason,
)
from aegispay.gateways.ledger import FileLedger, MemoryLedger, authorized_minor, captured_minor, refunded_minor
from aegispay.gateways.script import DECLINES
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import NotFound
from aegispay.testing import run_virtual
from tests.unit.gateways.asking import asked, authorized, charged, code, send
from tests.unit.gateways.requests import charge_request, operation_request


@pytest.fixture(params=["memory", "file"])
def ledger(request, tmp_path):
    if request.param == "memory":
        yield MemoryLedger()
        return
    opened = FileLedger(tmp_path / "books.db")
    yield opened
    opened.close()


@pytest.fixture
def alpha(ledger):
    return SimulatedGateway("alpha", ledger=ledger)


def test_an_authorization_holds_money_and_takes_none(alpha, ledger):
    approval = authorized(alpha)

    assert (approval.amount_minor, approval.currency, approval.is_partial) == (1_000, "USD", False)
    assert (authorized_minor(ledger, "pay_1"), captured_minor(ledger, "pay_1")) == (1_000, 0)


@pytest.mark.parametrize("token", sorted(DECLINES))
def test_every_decline_token_declines_an_authorization_too(token):
    alpha = SimulatedGateway("alpha")

    assert run_virtual(alpha.authorize(charge_request(token=token))) == DECLINES[token]
    assert authorized_minor(alpha.ledger, "pay_1") == 0


def test_a_capture_takes_what_it_asks_for_and_has_an_id_of_its_own(alpha, ledger):
    approval = authorized(alpha)

    (captured,) = asked(alpha, operation_request("capture", gateway_reference=approval.reference))

    assert (captured.amount_minor, captured.currency) == (1_000, "USD")
    assert captured.reference != approval.reference
    assert captured_minor(ledger, "pay_1") == 1_000


def test_captures_may_add_up_to_what_is_authorized_and_not_to_more(alpha, ledger):
    authorized(alpha)

    first, too_much, rest, nothing_left = asked(
        alpha,
        operation_request("capture", 1, amount_minor=600),
        operation_request("capture", 2, amount_minor=401),
        operation_request("capture", 3, amount_minor=400),
        operation_request("capture", 4, amount_minor=1),
    )

    assert isinstance(first, Approved)
    assert code(too_much) == "amount_too_large"
    assert isinstance(rest, Approved)
    assert code(nothing_left) == "already_captured"
    assert captured_minor(ledger, "pay_1") == 1_000


def test_a_final_capture_gives_the_rest_up(alpha, ledger):
    authorized(alpha)

    _, capture, void = asked(
        alpha,
        operation_request("capture", 1, amount_minor=600, is_final=True),
        operation_request("capture", 2, amount_minor=400),
        operation_request("void", 1, amount_minor=400),
    )

    assert [code(capture), code(void)] == ["already_captured", "already_captured"]
    assert captured_minor(ledger, "pay_1") == 600


def test_a_void_releases_what_is_left_whatever_amount_it_names(alpha, ledger):
    authorized(alpha)

    _, void = asked(alpha, operation_request("capture", amount_minor=300), operation_request("void", amount_minor=1))

    assert void.amount_minor == 700
    assert [(entry.kind, entry.amount_minor) for entry in ledger.of_payment("pay_1")] == [
        ("authorize", 1_000),
        ("capture", 300),
        ("void", 700),
    ]


def test_nothing_follows_a_void(alpha, ledger):
    authorized(alpha)

    _, capture, again, refund = asked(
        alpha,
        operation_request("void", 1),
        operation_request("capture", 1),
        operation_request("void", 2),
        operation_request("refund", 1),
    )

    assert [code(capture), code(again), code(refund)] == ["already_voided", "already_voided", "not_captured"]
    assert (captured_minor(ledger, "pay_1"), refunded_minor(ledger, "pay_1")) == (0, 0)


@pytest.mark.parametrize("kind", ["capture", "void"])
def test_what_was_charged_at_once_is_neither_captured_nor_voided(alpha, ledger, kind):
    charged(alpha)

    (answer,) = asked(alpha, operation_request(kind))

    assert code(answer) == "already_captured"
    assert captured_minor(ledger, "pay_1") == 1_000


def test_a_void_after_a_full_capture_is_refused(alpha):
    authorized(alpha)

    _, void = asked(alpha, operation_request("capture"), operation_request("void"))

    assert code(void) == "already_captured"


def test_refunds_may_add_up_to_what_was_taken_and_not_to_more(alpha, ledger):
    authorized(alpha)

    _, first, too_much, rest, nothing_left = asked(
        alpha,
        operation_request("capture", amount_minor=800),
        operation_request("refund", 1, amount_minor=500),
        operation_request("refund", 2, amount_minor=301),
        operation_request("refund", 3, amount_minor=300),
        operation_request("refund", 4, amount_minor=1),
    )

    assert [type(first), type(rest)] == [Approved, Approved]
    assert [code(too_much), code(nothing_left)] == ["amount_too_large", "amount_too_large"]
    assert refunded_minor(ledger, "pay_1") == 800


def test_what_was_charged_at_once_can_be_refunded(alpha, ledger):
    approval = charged(alpha)

    asked(alpha, operation_request("refund", amount_minor=250, gateway_reference=approval.reference))

    assert refunded_minor(ledger, "pay_1") == 250


def test_of_a_hundred_refunds_at_once_those_go_through_that_fit(alpha, ledger):
    charged(alpha)
    alpha.latency_s = (0.1, 2.0)

    async def storm():
        return await asyncio.gather(*(send(alpha, operation_request("refund", n, amount_minor=30)) for n in range(100)))

    answers = run_virtual(storm())

    assert sum(isinstance(answer, Approved) for answer in answers) == 33
    assert refunded_minor(ledger, "pay_1") == 990


@pytest.mark.parametrize(
    "wrong",
    [
        {"of": 2},
        {"gateway_reference": "alpha_0000000000000000"},
        {"currency": "EUR"},
    ],
    ids=["another payment", "another id", "another currency"],
)
def test_an_operation_about_something_else_than_was_approved_is_refused_as_a_mistake(alpha, ledger, wrong):
    charged(alpha)

    (answer,) = asked(alpha, operation_request("refund", **wrong))

    assert answer == InvalidRequest(code="no_such_payment", message="there is no such payment")
    assert refunded_minor(ledger, "pay_1") == 0


def test_one_providers_money_is_not_touched_by_another_that_shares_its_books(alpha, ledger):
    charged(alpha)

    (answer,) = asked(SimulatedGateway("beta", ledger=ledger), operation_request("refund"))

    assert isinstance(answer, InvalidRequest)


# --- keys and look-ups ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
def test_an_operation_repeated_under_its_key_gets_the_first_answer_and_moves_nothing_again(alpha, ledger, kind):
    charged(alpha) if kind == "refund" else authorized(alpha)

    first, again = asked(alpha, *[operation_request(kind, amount_minor=400)] * 2)

    assert isinstance(first, Approved)
    assert again == first
    assert [entry.kind for entry in ledger.of_payment("pay_1")][1:] == [kind]


def test_a_refusal_is_repeated_although_it_would_be_granted_now(alpha):
    authorized(alpha)
    early = operation_request("refund", 1)

    refused, _, again = asked(alpha, early, operation_request("capture"), early)

    assert code(refused) == "not_captured"
    assert again == refused


@pytest.mark.parametrize("other", [{"amount_minor": 2}, {"is_final": True}, {"gateway_reference": "r"}, {"number": 2}])
def test_another_body_under_an_operations_key_is_refused_and_moves_nothing(alpha, ledger, other):
    authorized(alpha)
    body = {"number": 1, "amount_minor": 1, "key": "k"}

    _, answer = asked(alpha, operation_request("capture", **body), operation_request("capture", **(body | other)))

    assert isinstance(answer, OutcomeUnknown)
    assert (answer.reason, answer.code) == (Reason.DUPLICATE_REFERENCE, "idempotency_conflict")
    assert captured_minor(ledger, "pay_1") == 1


def test_a_key_is_good_for_one_kind_of_request_only(alpha, ledger):
    run_virtual(alpha.authorize(charge_request(1, key="k")))

    answer = run_virtual(alpha.charge(charge_request(1, key="k")))

    assert isinstance(answer, OutcomeUnknown)
    assert captured_minor(ledger, "pay_1") == 0


def test_a_look_up_of_an_operation_says_what_the_books_say(alpha):
    authorized(alpha)
    request = operation_request("capture")

    async def look_up():
        before = await alpha.fetch_operation(request)
        captured = await alpha.capture(request)
        return before, captured, await alpha.fetch_operation(request)

    before, captured, after = run_virtual(look_up())

    assert before == NotFound()
    assert after == captured


def test_a_look_up_of_the_payment_still_finds_the_authorization_after_a_void(alpha):
    approval = authorized(alpha)

    asked(alpha, operation_request("void"))

    assert run_virtual(alpha.fetch_payment(charge_request(1))) == approval


def test_an_attempt_is_not_found_among_operations_nor_the_other_way_round(alpha):
    authorized(alpha)
    asked(alpha, operation_request("capture"))

    as_payment = replace(charge_request(1), reference="pay_1-capture-1")
    as_operation = replace(operation_request("capture"), reference="pay_1-a1")

    assert run_virtual(alpha.fetch_payment(as_payment)) == NotFound()
    assert run_virtual(alpha.fetch_operation(as_operation)) == NotFound()
