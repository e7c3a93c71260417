"""The simulated provider: repeatable, scripted, honest in its books."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from aegispay.domain.outcome import (
    Approved,
    Declined,
    DeclineKind,
    GatewayMisconfigured,
    NotProcessed,
    OutcomeUnknown,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment_method import Upi, Wallet
from aegispay.errors import NotSentError
from aegispay.gateways.ledger import MemoryLedger, charged_minor, charges
from aegispay.gateways.script import DECLINES
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import NotFound
from aegispay.testing import run_virtual
from tests.unit.gateways.requests import charge_request


def outcomes(gateway, numbers):
    async def charge_all():
        return {number: await gateway.charge(charge_request(number)) for number in numbers}

    return run_virtual(charge_all())


def test_the_same_seed_gives_the_same_answers_in_whatever_order_requests_arrive():
    numbers = list(range(200))
    shuffled = random.Random(5).sample(numbers, len(numbers))

    first = outcomes(SimulatedGateway("alpha", seed=3, success_rate=0.5), numbers)
    second = outcomes(SimulatedGateway("alpha", seed=3, success_rate=0.5), shuffled)

    assert first == second


def test_another_seed_gives_other_answers():
    numbers = range(50)

    first = outcomes(SimulatedGateway("alpha", seed=3, success_rate=0.5), numbers)
    second = outcomes(SimulatedGateway("alpha", seed=4, success_rate=0.5), numbers)

    assert [type(o) for o in first.values()] != [type(o) for o in second.values()]


def test_the_success_rate_is_the_share_of_approvals():
    found = outcomes(SimulatedGateway("alpha", seed=1, success_rate=0.8), range(2_000))

    approvals = sum(isinstance(outcome, Approved) for outcome in found.values())
    assert 0.77 < approvals / 2_000 < 0.83


@pytest.mark.parametrize(("rate", "kind"), [(0.0, Declined), (1.0, Approved)])
def test_a_success_rate_of_none_or_all_has_no_exception(rate, kind):
    found = outcomes(SimulatedGateway("alpha", success_rate=rate), range(100))

    assert {type(outcome) for outcome in found.values()} == {kind}


def test_the_success_rate_can_be_changed_while_it_runs():
    gateway = SimulatedGateway("alpha", success_rate=1.0)
    assert isinstance(outcomes(gateway, [1])[1], Approved)

    gateway.success_rate = 0.0

    assert isinstance(outcomes(gateway, [2])[2], Declined)


def test_latency_is_drawn_between_its_bounds_and_repeatable():
    async def took(number):
        gateway = SimulatedGateway("alpha", seed=9, latency_s=(0.2, 0.4))
        start = asyncio.get_running_loop().time()
        await gateway.charge(charge_request(number))
        return asyncio.get_running_loop().time() - start

    first = [run_virtual(took(number)) for number in range(20)]

    assert all(0.2 <= seconds <= 0.4 for seconds in first)
    assert len(set(first)) > 10
    assert first == [run_virtual(took(number)) for number in range(20)]


def test_latency_can_be_set_to_one_number():
    gateway = SimulatedGateway("alpha")

    gateway.latency_s = 1.5

    assert gateway.latency_s == (1.5, 1.5)


@pytest.mark.parametrize("latency_s", [-1.0, (2.0, 1.0), float("nan"), float("inf")])
def test_a_latency_that_is_no_duration_is_refused(latency_s):
    with pytest.raises(ValueError, match="latency_s is"):
        SimulatedGateway("alpha", latency_s=latency_s)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_success_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match="success_rate is"):
        SimulatedGateway("alpha", success_rate=rate)


def test_a_gateway_that_is_down_refuses_before_anything_is_sent():
    gateway = SimulatedGateway("alpha")
    gateway.is_up = False

    with pytest.raises(NotSentError, match="alpha: connection refused"):
        outcomes(gateway, [1])

    assert list(gateway.ledger.entries()) == []
    assert run_virtual(gateway.health_check()).is_up is False
    assert repr(gateway) == "<SimulatedGateway alpha calls=1 down>"


def test_a_gateway_that_comes_up_again_serves():
    gateway = SimulatedGateway("alpha")
    gateway.is_up = False
    with pytest.raises(NotSentError):
        outcomes(gateway, [1])

    gateway.is_up = True

    assert isinstance(outcomes(gateway, [1])[1], Approved)
    assert run_virtual(gateway.health_check()).is_up is True


def test_it_goes_down_after_the_calls_it_was_told_to_serve():
    gateway = SimulatedGateway("alpha", down_after_calls=3)

    assert len(outcomes(gateway, [1, 2, 3])) == 3
    with pytest.raises(NotSentError):
        outcomes(gateway, [4])


def test_calls_on_their_way_when_it_goes_down_are_still_served():
    gateway = SimulatedGateway("alpha", latency_s=1.0, down_after_calls=3)

    async def at_once():
        calls = [gateway.charge(charge_request(number)) for number in range(5)]
        return await asyncio.gather(*calls, return_exceptions=True)

    found = run_virtual(at_once())

    assert [type(each) for each in found] == [Approved] * 3 + [NotSentError] * 2


def test_a_request_repeated_under_its_key_gets_the_first_answer_and_no_second_charge():
    gateway = SimulatedGateway("alpha", success_rate=1.0)
    first = outcomes(gateway, [1])[1]

    gateway.success_rate = 0.0
    second = outcomes(gateway, [1])[1]

    assert first == second
    assert charged_minor(gateway.ledger, "pay_1") == 1_000


def test_a_decline_is_repeated_too():
    gateway = SimulatedGateway("alpha", success_rate=0.0)
    first = outcomes(gateway, [1])[1]

    gateway.success_rate = 1.0

    assert outcomes(gateway, [1])[1] == first
    assert isinstance(first, Declined)
    assert charged_minor(gateway.ledger, "pay_1") == 0


def test_another_body_under_a_used_key_is_refused_and_charges_nothing():
    gateway = SimulatedGateway("alpha")

    async def both():
        await gateway.charge(charge_request(1, amount_minor=1_000, key="k"))
        return await gateway.charge(charge_request(1, amount_minor=2_000, key="k"))

    found = run_virtual(both())

    assert found == OutcomeUnknown(
        reason=Reason.DUPLICATE_REFERENCE,
        code="idempotency_conflict",
        message="the key was used with another body",
    )
    assert charged_minor(gateway.ledger, "pay_1") == 1_000


def test_two_gateways_may_share_books_without_mixing_them_up():
    ledger = MemoryLedger()
    alpha, beta = SimulatedGateway("alpha", ledger=ledger), SimulatedGateway("beta", ledger=ledger)

    outcomes(alpha, [1])
    outcomes(beta, [1])

    assert charged_minor(ledger, "pay_1") == 2_000
    assert [entry.gateway for entry in charges(ledger)["pay_1"]] == ["alpha", "beta"]


def test_a_look_up_says_what_the_books_say():
    gateway = SimulatedGateway("alpha")

    async def look_up():
        before = await gateway.fetch_payment(charge_request(1))
        charged = await gateway.charge(charge_request(1))
        return before, charged, await gateway.fetch_payment(charge_request(1))

    before, charged, after = run_virtual(look_up())

    assert before == NotFound()
    assert after == charged


@pytest.mark.parametrize("token", sorted(DECLINES))
def test_a_decline_token_is_declined_and_charges_nothing(token):
    gateway = SimulatedGateway("alpha")

    found = run_virtual(gateway.charge(charge_request(1, token=token)))

    assert found == DECLINES[token]
    assert charged_minor(gateway.ledger, "pay_1") == 0


def test_a_soft_decline_is_the_only_scripted_one_that_another_gateway_may_overturn():
    soft = {token for token, decline in DECLINES.items() if decline.kind is DeclineKind.SOFT}

    assert soft == {"tok_soft_declined"}


def test_a_upi_address_is_scripted_by_its_name():
    gateway = SimulatedGateway("alpha")

    found = run_virtual(gateway.charge(charge_request(1, method=Upi(vpa="insufficient_funds@bank"))))

    assert found.reason is Reason.INSUFFICIENT_FUNDS


def test_a_method_without_a_word_is_not_scripted():
    gateway = SimulatedGateway("alpha")

    assert isinstance(run_virtual(gateway.charge(charge_request(1, method=Wallet(provider="paypal")))), Approved)


def test_the_challenge_token_sends_the_payer_away_and_charges_nothing():
    gateway = SimulatedGateway("alpha")

    found = run_virtual(gateway.charge(charge_request(1, token="tok_requires_action")))

    assert isinstance(found, RequiresAction)
    assert found.action.url == "https://alpha.example/challenge/pay_1-a1"
    assert charges(gateway.ledger) == {}


def test_faults_that_surely_did_nothing_say_so():
    gateway = SimulatedGateway("alpha")

    limited = run_virtual(gateway.charge(charge_request(1, token="tok_rate_limit")))
    misconfigured = run_virtual(gateway.charge(charge_request(2, token="tok_bad_credentials")))
    with pytest.raises(NotSentError):
        run_virtual(gateway.charge(charge_request(3, token="tok_refuse_connection")))

    assert limited == NotProcessed(reason=Reason.RATE_LIMITED, code="429", retry_after_s=1.0)
    assert isinstance(misconfigured, GatewayMisconfigured)
    assert charges(gateway.ledger) == {}


@pytest.mark.parametrize(("moment", "charged"), [("before", 0), ("after", 1_000)])
def test_a_server_error_tells_nobody_whether_it_charged_but_the_books_do(moment, charged):
    gateway = SimulatedGateway("alpha")

    found = run_virtual(gateway.charge(charge_request(1, token=f"tok_error_{moment}_charge")))

    assert isinstance(found, OutcomeUnknown)
    assert charged_minor(gateway.ledger, "pay_1") == charged


@pytest.mark.parametrize(("moment", "charged"), [("before", 0), ("after", 1_000)])
def test_an_adapter_that_raises_tells_nobody_either(moment, charged):
    gateway = SimulatedGateway("alpha")

    with pytest.raises((RuntimeError, ConnectionResetError)):
        run_virtual(gateway.charge(charge_request(1, token=f"tok_raise_{moment}_charge")))

    assert charged_minor(gateway.ledger, "pay_1") == charged


@pytest.mark.parametrize(("moment", "charged"), [("before", 0), ("after", 1_000)])
def test_a_hanging_provider_outlasts_the_callers_patience(moment, charged):
    gateway = SimulatedGateway("alpha")

    async def wait():
        async with asyncio.timeout(3_600):
            await gateway.charge(charge_request(1, token=f"tok_hang_{moment}_charge"))

    with pytest.raises(TimeoutError):
        run_virtual(wait())
    assert charged_minor(gateway.ledger, "pay_1") == charged


def test_garbage_is_no_outcome_although_it_charged():
    gateway = SimulatedGateway("alpha")

    found = run_virtual(gateway.charge(charge_request(1, token="tok_garbage_after_charge")))

    assert found == {"status": "ok?"}
    assert charged_minor(gateway.ledger, "pay_1") == 1_000


def test_a_wrong_amount_is_one_more_than_was_asked_for():
    gateway = SimulatedGateway("alpha")

    found = run_virtual(gateway.charge(charge_request(1, token="tok_wrong_amount")))

    assert found.amount_minor == 1_001


@pytest.mark.parametrize("fault", ["error_after_charge", "raise_after_charge", "garbage_after_charge"])
def test_a_resend_after_a_lost_answer_gets_the_approval_and_charges_no_more(fault):
    gateway = SimulatedGateway("alpha")
    request = charge_request(1, token=f"tok_{fault}")

    async def twice():
        with contextlib.suppress(ConnectionResetError):
            await gateway.charge(request)
        return await gateway.charge(request)

    assert isinstance(run_virtual(twice()), Approved)
    assert charged_minor(gateway.ledger, "pay_1") == 1_000


def test_a_resend_after_a_hang_gets_the_approval():
    gateway = SimulatedGateway("alpha")
    request = charge_request(1, token="tok_hang_after_charge")

    async def twice():
        try:
            async with asyncio.timeout(30):
                await gateway.charge(request)
        except TimeoutError:
            return await gateway.charge(request)

    assert isinstance(run_virtual(twice()), Approved)
    assert charged_minor(gateway.ledger, "pay_1") == 1_000
