from __future__ import annotations

import asyncio

import pytest

from aegispay import Approved, GatewayContract, NotFound, NotProcessed, NotSentError, OutcomeUnknown, Reason
from aegispay.chaos import (
    Chaos,
    ChaosPlan,
    Delay,
    GatewayError,
    GatewayExhaustion,
    GatewayHang,
    GatewayLatency,
    GatewayMalformed,
    GatewayRateLimit,
    GatewayTimeout,
    GatewayUnavailable,
    GatewayWrongAmount,
    GatewayWrongCurrency,
    Operation,
    When,
)
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import ActionGateway, CapturingGateway, NotifyingGateway, RefundingGateway, VoidingGateway
from aegispay.ports.gateway import is_gateway
from aegispay.testing import run_virtual, running_clock
from tests.integration.engine.rig import Adapter, approval
from tests.unit.gateways.requests import charge_request


def disturbed(*faults, gateways=1):
    """Return wrapped gateways that share books, and the chaos."""
    clock = running_clock()
    chaos = Chaos(ChaosPlan(faults=faults), seed=7, allow=True)
    chaos.begin(clock)
    inner = [SimulatedGateway(name, clock=clock) for name in ("alpha", "beta", "gamma")[:gateways]]
    return chaos, inner, [chaos.gateway(gateway) for gateway in inner]


def charged(gateway):
    return sum(entry.is_charged for entry in gateway.ledger.entries())


async def outcome(call):
    try:
        return await call
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("fault", "answer", "times_charged"),
    [
        (GatewayError(), NotSentError, 0),
        (GatewayError(when=When.AFTER), ConnectionResetError, 1),
        (GatewayTimeout(), OutcomeUnknown, 0),
        (GatewayTimeout(when=When.AFTER), OutcomeUnknown, 1),
        (GatewayUnavailable(), OutcomeUnknown, 0),
        (GatewayUnavailable(when=When.AFTER), OutcomeUnknown, 1),
        (GatewayRateLimit(retry_after_s=3), NotProcessed, 0),
        (GatewayMalformed(), dict, 1),
        (GatewayWrongAmount(), Approved, 1),
        (GatewayWrongCurrency(), Approved, 1),
    ],
)
def test_each_fault_is_told_as_it_is_and_done_or_not_as_it_says(fault, answer, times_charged):
    async def run():
        chaos, (inner,), (gateway,) = disturbed(fault)
        told = await outcome(gateway.charge(charge_request()))
        assert isinstance(told, answer)
        assert charged(inner) == times_charged
        assert chaos.report().by_point == {"gateway alpha charge": 1}

    run_virtual(run())


def test_a_rate_limit_carries_its_advice():
    async def run():
        _, _, (gateway,) = disturbed(GatewayRateLimit(retry_after_s=3))
        told = await gateway.charge(charge_request())
        assert told == NotProcessed(reason=Reason.RATE_LIMITED, code="429", retry_after_s=3)

    run_virtual(run())


def test_a_timeout_takes_the_time_that_it_says():
    async def run():
        _, _, (gateway,) = disturbed(GatewayTimeout(after_s=4))
        await gateway.charge(charge_request())
        assert running_clock().monotonic() == pytest.approx(4)

    run_virtual(run())


@pytest.mark.parametrize(("when", "times_charged"), [(When.BEFORE, 0), (When.AFTER, 1)])
def test_a_hang_never_ends_until_it_is_cancelled(when, times_charged):
    async def run():
        _, (inner,), (gateway,) = disturbed(GatewayHang(when=when))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(86_000):
                await gateway.charge(charge_request())
        assert charged(inner) == times_charged

    run_virtual(run())


def test_latency_is_drawn_and_the_call_is_made_all_the_same():
    async def run():
        _, (inner,), (gateway,) = disturbed(GatewayLatency(delay=Delay(shortest_s=2, longest_s=5)))
        assert isinstance(await gateway.charge(charge_request()), Approved)
        assert 2 <= running_clock().monotonic() <= 5
        assert charged(inner) == 1

    run_virtual(run())


def test_wrong_answers_are_wrong_in_one_thing_only():
    async def run():
        _, _, (gateway,) = disturbed(GatewayWrongAmount(by_minor=-3))
        told = await gateway.charge(charge_request())
        right = await SimulatedGateway("alpha", clock=running_clock()).charge(charge_request())
        assert (right.amount_minor - told.amount_minor, told.currency) == (3, right.currency)
        _, _, (gateway,) = disturbed(GatewayWrongCurrency())
        told = await gateway.charge(charge_request())
        assert told.amount_minor == right.amount_minor
        assert told.currency != right.currency

    run_virtual(run())


def test_connections_run_out_only_when_they_are_used():
    async def run():
        busy = GatewayLatency(delay=Delay(shortest_s=1, longest_s=1))
        chaos, (inner,), (gateway,) = disturbed(busy, GatewayExhaustion(connections_max=2))
        together = [outcome(gateway.charge(charge_request(each))) for each in range(4)]
        told = await asyncio.gather(*together)
        assert sum(isinstance(each, NotSentError) for each in told) == 4 - charged(inner) > 0
        assert isinstance(await gateway.charge(charge_request(9)), Approved)
        assert chaos.report().by_kind["gateway_exhaustion"] == 4 - (charged(inner) - 1)

    run_virtual(run())


def test_a_fault_strikes_its_gateway_and_its_operations_and_no_other():
    async def run():
        fault = GatewayError(gateway="beta", operations=frozenset({Operation.FETCH_PAYMENT}))
        _, _, (alpha, beta) = disturbed(fault, gateways=2)
        assert isinstance(await beta.charge(charge_request()), Approved)
        assert isinstance(await alpha.fetch_payment(charge_request()), NotFound)
        with pytest.raises(NotSentError):
            await beta.fetch_payment(charge_request())

    run_virtual(run())


def test_by_default_questions_are_left_alone_and_health_checks_always():
    async def run():
        _, _, (gateway,) = disturbed(GatewayError())
        assert isinstance(await gateway.fetch_payment(charge_request()), NotFound)
        assert (await gateway.health_check()).is_up

    run_virtual(run())


def test_a_wrapped_gateway_has_the_methods_of_the_one_inside_and_none_more():
    class Poor:
        name = "poor"
        contract = GatewayContract()

        async def charge(self, request):
            return approval(request)

        async def fetch_payment(self, _request):
            return NotFound()

        async def health_check(self):
            return None

    chaos = Chaos(ChaosPlan(), seed=7, allow=True)
    poor, rich = chaos.gateway(Poor()), chaos.gateway(SimulatedGateway("rich"))
    assert is_gateway(poor)
    kinds = (CapturingGateway, VoidingGateway, RefundingGateway, NotifyingGateway, ActionGateway)
    assert [isinstance(poor, kind) for kind in kinds] == [False] * 5
    assert [isinstance(rich, kind) for kind in kinds] == [True, True, True, True, False]


def test_the_parameters_of_a_return_reach_the_gateway_inside():
    async def run():
        from tests.integration.engine.rig import ActionAdapter

        inner = ActionAdapter(complete=lambda request, parameters: _approve(request))
        chaos = Chaos(ChaosPlan(faults=(GatewayError(rate=0.0),)), seed=7, allow=True)
        chaos.begin(running_clock())
        await chaos.gateway(inner).complete_action(charge_request(), parameters={"back": "yes"})
        assert [parameters for _, parameters in inner.completions] == [{"back": "yes"}]

    run_virtual(run())


async def _approve(request):
    return approval(request)


def test_what_the_gateway_raises_comes_through_when_nothing_strikes():
    async def run():
        chaos = Chaos(ChaosPlan(faults=(GatewayError(rate=0.0),)), seed=7, allow=True)
        chaos.begin(running_clock())
        with pytest.raises(ValueError, match="its own"):
            await chaos.gateway(Adapter(ValueError("its own"))).charge(charge_request())

    run_virtual(run())
