"""What the simulated provider decides later: challenges, pending requests, and authorizations of a part."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.domain.outcome import Approved, Declined, DeclineKind, Pending, Reason, RequiresAction
from aegispay.gateways.ledger import FileLedger, authorized_minor, captured_minor, refunded_minor
from aegispay.gateways.script import CHALLENGE_EXPIRED, CHALLENGE_FAILED, RANDOM_DECLINE, Fault
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import NotFound
from aegispay.testing import run_virtual, running_clock
from tests.unit.gateways.asking import asked, authorized, charged, code
from tests.unit.gateways.requests import charge_request, operation_request

CHALLENGE = charge_request(token="tok_requires_action")
PENDING = charge_request(token="tok_pending")


@pytest.mark.parametrize(("method", "taken", "held"), [("charge", 1_000, 0), ("authorize", 0, 1_000)])
def test_a_passed_challenge_is_approved_by_the_provider_itself(method, taken, held):
    alpha = SimulatedGateway("alpha")
    challenge = run_virtual(getattr(alpha, method)(CHALLENGE))
    assert run_virtual(alpha.fetch_payment(CHALLENGE)) == challenge

    alpha.pass_challenge(CHALLENGE.reference)

    approval = Approved(reference=challenge.reference, amount_minor=1_000, currency="USD")
    assert run_virtual(alpha.fetch_payment(CHALLENGE)) == approval
    assert run_virtual(getattr(alpha, method)(CHALLENGE)) == approval
    assert (captured_minor(alpha.ledger, "pay_1"), authorized_minor(alpha.ledger, "pay_1")) == (taken, held)


def test_a_failed_challenge_is_a_decline_of_the_authentication_and_takes_nothing():
    alpha = SimulatedGateway("alpha")
    run_virtual(alpha.charge(CHALLENGE))

    alpha.fail_challenge(CHALLENGE.reference)

    found = run_virtual(alpha.fetch_payment(CHALLENGE))
    assert found == CHALLENGE_FAILED
    assert (found.kind, found.reason) == (DeclineKind.AUTHENTICATION, Reason.AUTHENTICATION_FAILED)
    assert captured_minor(alpha.ledger, "pay_1") == 0


def test_a_challenge_can_be_passed_until_its_time_is_over_and_not_later():
    async def story(waiting_s):
        alpha = SimulatedGateway("alpha", clock=running_clock())
        await alpha.charge(CHALLENGE)
        await asyncio.sleep(waiting_s)
        try:
            alpha.pass_challenge(CHALLENGE.reference)
        except ValueError as error:
            return str(error), await alpha.fetch_payment(CHALLENGE)
        return "", await alpha.fetch_payment(CHALLENGE)

    refusal, found = run_virtual(story(899.9))
    assert (refusal, type(found)) == ("", Approved)

    refusal, found = run_virtual(story(900))
    assert refusal == "alpha: nothing is to be decided about 'pay_1-a1'"
    assert found == CHALLENGE_EXPIRED


@pytest.mark.parametrize("decide", ["pass_challenge", "fail_challenge"])
def test_a_challenge_is_decided_once(decide):
    alpha = SimulatedGateway("alpha")
    run_virtual(alpha.charge(CHALLENGE))
    getattr(alpha, decide)(CHALLENGE.reference)

    for late in (alpha.pass_challenge, alpha.fail_challenge):
        with pytest.raises(ValueError, match="nothing is to be decided"):
            late(CHALLENGE.reference)

    assert len(alpha.notifications()) == 1


def test_what_is_no_challenge_cannot_be_passed_and_what_is_one_cannot_be_decided():
    alpha = SimulatedGateway("alpha")
    run_virtual(alpha.charge(PENDING))
    with pytest.raises(ValueError, match="answered with pending"):
        alpha.pass_challenge(PENDING.reference)

    other = SimulatedGateway("alpha")
    run_virtual(other.charge(CHALLENGE))
    with pytest.raises(ValueError, match="answered with requires_action"):
        other.decide(CHALLENGE.reference, approve=True)


def test_a_pending_charge_takes_nothing_until_it_is_approved():
    alpha = SimulatedGateway("alpha")
    pending = run_virtual(alpha.charge(PENDING))
    assert isinstance(pending, Pending)
    assert run_virtual(alpha.fetch_payment(PENDING)) == pending
    assert captured_minor(alpha.ledger, "pay_1") == 0

    alpha.decide(PENDING.reference, approve=True)

    approval = Approved(reference=pending.reference, amount_minor=1_000, currency="USD")
    assert run_virtual(alpha.fetch_payment(PENDING)) == approval
    assert captured_minor(alpha.ledger, "pay_1") == 1_000


def test_a_pending_charge_that_is_not_approved_is_declined():
    alpha = SimulatedGateway("alpha")
    run_virtual(alpha.charge(PENDING))

    alpha.decide(PENDING.reference, approve=False)

    assert run_virtual(alpha.fetch_payment(PENDING)) == RANDOM_DECLINE
    assert captured_minor(alpha.ledger, "pay_1") == 0


def test_a_pending_refund_holds_its_amount_until_it_is_refused():
    alpha = SimulatedGateway("alpha")
    charged(alpha)
    alpha.script("refund", Fault.PENDING)
    first = operation_request("refund", 1, amount_minor=600)

    pending, too_much = asked(alpha, first, operation_request("refund", 2, amount_minor=500))
    assert isinstance(pending, Pending)
    assert code(too_much) == "amount_too_large"
    alpha.decide(first.reference, approve=False)
    (now,) = asked(alpha, operation_request("refund", 3, amount_minor=500))

    assert isinstance(now, Approved)
    assert run_virtual(alpha.fetch_operation(first)) == RANDOM_DECLINE
    assert refunded_minor(alpha.ledger, "pay_1") == 500


def test_a_pending_capture_holds_its_amount_until_it_is_refused():
    alpha = SimulatedGateway("alpha")
    authorized(alpha)
    alpha.script("capture", Fault.PENDING)
    first = operation_request("capture", 1, amount_minor=600)

    _, too_much = asked(alpha, first, operation_request("capture", 2, amount_minor=500))
    alpha.decide(first.reference, approve=False)
    (now,) = asked(alpha, operation_request("capture", 3, amount_minor=500))

    assert code(too_much) == "amount_too_large"
    assert isinstance(now, Approved)
    assert captured_minor(alpha.ledger, "pay_1") == 500


@pytest.mark.parametrize(
    ("pending", "other", "answer"),
    [
        ({"kind": "capture", "amount_minor": 600}, "void", "in_other_operation"),
        ({"kind": "void"}, "capture", "in_other_operation"),
        ({"kind": "capture", "amount_minor": 600, "is_final": True}, "capture", "in_other_operation"),
    ],
    ids=["void beside a capture", "capture beside a void", "capture beside a final one"],
)
def test_operations_that_exclude_each_other_wait_for_the_pending_one(pending, other, answer):
    alpha = SimulatedGateway("alpha")
    authorized(alpha)
    alpha.script(pending["kind"], Fault.PENDING)
    first = operation_request(**pending)

    _, refused = asked(alpha, first, operation_request(other, 2, amount_minor=400))
    alpha.decide(first.reference, approve=False)
    (now,) = asked(alpha, operation_request(other, 3, amount_minor=400))

    assert code(refused) == answer
    assert isinstance(now, Approved)


@pytest.mark.parametrize(("asked_minor", "held_minor"), [(1_000, 600), (999, 599), (2, 1)])
def test_the_partial_token_authorizes_60_percent_and_says_so(asked_minor, held_minor):
    alpha = SimulatedGateway("alpha")

    found = run_virtual(alpha.authorize(charge_request(token="tok_partial", amount_minor=asked_minor)))

    assert (found.amount_minor, found.is_partial) == (held_minor, True)
    assert authorized_minor(alpha.ledger, "pay_1") == held_minor


def test_of_a_partial_authorization_no_more_can_be_captured_than_it_holds():
    alpha = SimulatedGateway("alpha")
    authorized(alpha, token="tok_partial")

    too_much, rest = asked(alpha, operation_request("capture", 1), operation_request("capture", 2, amount_minor=600))

    assert code(too_much) == "amount_too_large"
    assert isinstance(rest, Approved)


def test_the_partial_token_declines_a_charge_which_is_whole_or_nothing():
    alpha = SimulatedGateway("alpha")

    found = run_virtual(alpha.charge(charge_request(token="tok_partial")))

    assert isinstance(found, Declined)
    assert found.reason is Reason.INSUFFICIENT_FUNDS
    assert captured_minor(alpha.ledger, "pay_1") == 0


def test_a_challenge_outlives_the_process_where_the_books_do(tmp_path):
    with_books = FileLedger(tmp_path / "books.db")
    run_virtual(SimulatedGateway("alpha", ledger=with_books).charge(CHALLENGE))
    with_books.close()

    again = FileLedger(tmp_path / "books.db")
    alpha = SimulatedGateway("alpha", ledger=again)
    before = run_virtual(alpha.fetch_payment(CHALLENGE))
    alpha.pass_challenge(CHALLENGE.reference)
    after = run_virtual(alpha.fetch_payment(CHALLENGE))
    again.close()

    assert (type(before), type(after)) == (RequiresAction, Approved)


def test_nothing_is_to_be_decided_about_a_name_nobody_used():
    with pytest.raises(ValueError, match="alpha: nothing is to be decided about 'pay_9-a1'"):
        SimulatedGateway("alpha").decide("pay_9-a1", approve=True)
    assert run_virtual(SimulatedGateway("alpha").fetch_payment(charge_request(9))) == NotFound()
