"""Faults that were ordered from the simulated provider: what the caller sees, and what the books then hold."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.domain.outcome import (
    Approved,
    Declined,
    DeclineKind,
    NotProcessed,
    OutcomeUnknown,
    Reason,
)
from aegispay.errors import NotSentError
from aegispay.gateways.script import Fault
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.testing import run_virtual
from tests.unit.gateways.asking import asked, authorized, charged
from tests.unit.gateways.requests import charge_request, operation_request


async def outcome_of(sending):
    """Return the answer, or what was raised instead of one within an hour."""
    try:
        async with asyncio.timeout(3_600):
            return await sending
    except Exception as error:
        return error


SEEN = {
    Fault.REFUSE_CONNECTION: (NotSentError, 0),
    Fault.RATE_LIMIT: (NotProcessed, 0),
    Fault.HANG_BEFORE: (TimeoutError, 0),
    Fault.HANG_AFTER: (TimeoutError, 1),
    Fault.ERROR_BEFORE: (OutcomeUnknown, 0),
    Fault.ERROR_AFTER: (OutcomeUnknown, 1),
    Fault.RAISE_BEFORE: (RuntimeError, 0),
    Fault.RAISE_AFTER: (ConnectionResetError, 1),
    Fault.GARBAGE_AFTER: (dict, 1),
    Fault.WRONG_AMOUNT: (Approved, 1),
}


@pytest.mark.parametrize("kind", ["authorize", "charge", "capture", "void", "refund"])
@pytest.mark.parametrize("fault", SEEN)
def test_an_ordered_fault_strikes_once_and_the_same_request_then_gets_its_answer(kind, fault):
    alpha = SimulatedGateway("alpha")
    is_charge = kind in {"authorize", "charge"}
    if not is_charge:
        charged(alpha) if kind == "refund" else authorized(alpha)
    alpha.script(kind, fault)
    seen, done = SEEN[fault]

    def call():
        request = charge_request(1) if is_charge else operation_request(kind)
        return run_virtual(outcome_of(getattr(alpha, kind)(request)))

    def entries():
        return [entry for entry in alpha.ledger.of_payment("pay_1") if entry.kind == kind and entry.is_done]

    first, done_then = call(), len(entries())
    second = call()

    assert isinstance(first, seen)
    assert done_then == done
    assert isinstance(second, Approved)
    assert second.amount_minor == 1_000 + (fault is Fault.WRONG_AMOUNT)
    assert [entry.amount_minor for entry in entries()] == [1_000]


def test_an_ordered_decline_is_answered_instead_and_kept():
    alpha = SimulatedGateway("alpha")
    charged(alpha)
    refusal = Declined(kind=DeclineKind.HARD, reason=Reason.DECLINED_OTHER, code="account_closed")
    alpha.script("refund", refusal)

    answers = asked(
        alpha, operation_request("refund", 1), operation_request("refund", 1), operation_request("refund", 2)
    )

    assert answers[:2] == [refusal, refusal]
    assert isinstance(answers[2], Approved)


def test_a_fault_takes_precedence_over_the_token():
    alpha = SimulatedGateway("alpha")
    alpha.script("charge", Fault.RATE_LIMIT)

    assert isinstance(run_virtual(alpha.charge(charge_request(token="tok_declined"))), NotProcessed)


def test_a_fault_for_one_payment_spares_the_others():
    alpha = SimulatedGateway("alpha")
    charged(alpha, 1), charged(alpha, 2)
    alpha.script("refund", Fault.RATE_LIMIT, payment_id="pay_2")

    answers = asked(alpha, operation_request("refund", of=1), operation_request("refund", of=2))

    assert [type(answer) for answer in answers] == [Approved, NotProcessed]


@pytest.mark.parametrize(("times", "struck"), [(1, 1), (3, 3), (None, 5)])
def test_a_fault_strikes_as_often_as_it_was_ordered(times, struck):
    alpha = SimulatedGateway("alpha")
    charged(alpha)
    alpha.script("refund", Fault.RATE_LIMIT, times=times)

    answers = asked(alpha, *(operation_request("refund", n, amount_minor=1) for n in range(5)))

    assert [type(answer) for answer in answers] == [NotProcessed] * struck + [Approved] * (5 - struck)


def test_what_was_ordered_can_be_called_off():
    alpha = SimulatedGateway("alpha")
    alpha.script("charge", Fault.RATE_LIMIT, times=None)

    alpha.clear_script()

    charged(alpha)


@pytest.mark.parametrize(("kind", "times"), [("payout", 1), ("refund", 0)])
def test_an_order_that_makes_no_sense_is_refused(kind, times):
    with pytest.raises(ValueError, match=r"payout|times is 0"):
        SimulatedGateway("alpha").script(kind, Fault.RATE_LIMIT, times=times)
