"""Which gateway is chosen, and what is kept of the choice: strategies, switches, limits, the decision record."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from aegispay import (
    AegisPayConfig,
    Fee,
    GatewayContract,
    PaymentMethodType,
    PaymentState,
    Reason,
    RoutingStrategy,
    SimulatedGateway,
    UnknownGatewayError,
)
from aegispay.domain.routing import strategy_of
from tests.integration.engine.rig import World, elapse, order, virtual


def decision_of(payment_events, number=1):
    started = [stored.event for stored in payment_events if hasattr(stored.event, "decision")]
    return started[number - 1].decision


def priced(world, name, basis_points):
    contract = GatewayContract(fees=(Fee(basis_points=basis_points),))
    return SimulatedGateway(name, contract=contract, ledger=world.ledger, clock=world.clock)


@virtual
async def test_highest_success_rate_prefers_the_gateway_that_is_doing_well():
    world = World("alpha", "beta")
    async with world.engine(breaker={"failures_max": 100}) as aegis:
        world["alpha"].is_up = False
        for n in range(4):
            await aegis.pay(**order(f"bad-{n}", gateway="alpha"))
            await aegis.pay(**order(f"good-{n}", gateway="beta"))
        world["alpha"].is_up = True
        await elapse(1.1)
        payments = [await aegis.pay(**order(f"p-{n}")) for n in range(5)]
    assert {payment.gateway for payment in payments} == {"beta"}


@virtual
async def test_lowest_latency_prefers_the_fast_gateway():
    world = World("slow", "fast")
    world["slow"].latency_s = (0.8, 0.8)
    world["fast"].latency_s = (0.05, 0.05)
    async with world.engine(routing=RoutingStrategy.LOWEST_LATENCY) as aegis:
        for name in ("slow", "fast"):
            await aegis.pay(**order(f"warm-{name}", gateway=name))
        await elapse(1.1)
        payments = [await aegis.pay(**order(f"p-{n}")) for n in range(5)]
    assert {payment.gateway for payment in payments} == {"fast"}


@virtual
async def test_cost_optimised_takes_the_cheapest_and_an_unpriced_gateway_last():
    world = World("unpriced")
    async with world.engine(priced(world, "dear", 290), priced(world, "cheap", 90), routing="cost_optimised") as aegis:
        payment = await aegis.pay(**order())
        world["unpriced"].is_up = True
        events = await aegis.payment_events(payment.id)
    assert payment.gateway == "cheap"
    assert decision_of(events).order == ("cheap", "dear", "unpriced")


@virtual
async def test_round_robin_shares_evenly():
    world = World("a", "b", "c")
    async with world.engine(routing="round_robin") as aegis:
        payments = [await aegis.pay(**order(f"p-{n}")) for n in range(30)]
    assert [payment.gateway for payment in payments[:4]] == ["a", "b", "c", "a"]
    assert Counter(payment.gateway for payment in payments) == {"a": 10, "b": 10, "c": 10}


@virtual
async def test_the_decision_is_stored_with_each_attempt_and_says_why():
    world = World("alpha", "beta", "gamma")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await aegis.disable_gateway("gamma", reason="contract ended")
        payment = await aegis.pay(**order())
        events = await aegis.payment_events(payment.id)
    first, second = decision_of(events, 1), decision_of(events, 2)
    assert first.order == ("alpha", "beta")
    assert first.strategy == RoutingStrategy.HIGHEST_SUCCESS_RATE
    assert [c.gateway for c in first.candidates] == ["alpha", "beta", "gamma"]
    assert first.candidates[2].dropped is not None
    assert first.candidates[2].dropped.startswith("disabled by an operator")
    assert first.candidates[0].score == pytest.approx(0.9)
    assert second.order == ("beta",)
    assert second.candidates[0].dropped == "already tried"
    assert first.explain().startswith("alpha by highest success rate: alpha scored 0.9; beta scored 0.9; gamma dropped")


@virtual
async def test_a_stored_decision_reads_back_equal_after_a_restart():
    world = World("alpha", "beta")
    async with world.engine(routing="round_robin") as aegis:
        payment = await aegis.pay(**order())
        before = decision_of(await aegis.payment_events(payment.id))
    async with world.engine() as aegis:
        assert decision_of(await aegis.payment_events(payment.id)) == before
    assert before.turn == 0


@pytest.mark.parametrize(
    ("contract", "changes", "why"),
    [
        (GatewayContract(currencies=frozenset({"EUR"})), {}, "does not take USD"),
        (GatewayContract(methods=frozenset({PaymentMethodType.UPI})), {}, "does not take card"),
    ],
    ids=["currency", "method"],
)
@virtual
async def test_a_gateway_that_cannot_take_the_payment_is_not_asked(contract, changes, why):
    world = World("limited", contract=contract)
    async with world.engine() as aegis:
        refused = await aegis.pay(**order(**changes))
        await aegis.register_gateway(SimulatedGateway("open", ledger=world.ledger, clock=world.clock))
        paid = await aegis.pay(**order("order-2", **changes))
    assert refused.state is PaymentState.FAILURE
    assert refused.failure is not None
    assert refused.failure.reason is Reason.NO_ELIGIBLE_GATEWAY
    assert why in refused.failure.message
    assert paid.gateway == "open"
    assert world["limited"].calls == 0


@virtual
async def test_a_disabled_gateway_gets_nothing_new_until_it_is_enabled_again():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        await aegis.disable_gateway("alpha", reason="maintenance")
        assert (await aegis.pay(**order("p-1"))).gateway == "beta"
        assert (await aegis.gateway_metrics("alpha")).is_enabled is False
        await aegis.enable_gateway("alpha")
        assert (await aegis.pay(**order("p-2"))).gateway == "alpha"
        assert (await aegis.gateway_metrics("alpha")).is_enabled is True


@virtual
async def test_a_disabled_gateway_stays_disabled_through_a_restart():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        await aegis.disable_gateway("alpha", reason="maintenance")
    async with world.engine() as aegis:
        assert (await aegis.pay(**order())).gateway == "beta"


@virtual
async def test_a_disabled_gateway_still_answers_for_payments_it_has():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
        assert payment.in_doubt
        await aegis.disable_gateway("alpha", reason="trouble")
        await elapse(5)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@pytest.mark.parametrize("method", ["enable_gateway", "disable_gateway", "gateway_metrics"])
@virtual
async def test_a_gateway_that_is_not_there_is_named_with_those_that_are(method):
    world = World("alpha", "beta")
    more = {"reason": "x"} if method == "disable_gateway" else {}
    async with world.engine() as aegis:
        with pytest.raises(UnknownGatewayError, match=r"'gamma'.*alpha, beta"):
            await getattr(aegis, method)("gamma", **more)


@virtual
async def test_a_full_bulkhead_sends_the_payment_to_the_next_gateway():
    world = World("alpha", "beta", contract=GatewayContract(concurrency_max=3), latency_s=1.0)
    async with world.engine(routing="cost_optimised") as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"p-{n}")) for n in range(5)))
    assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
    assert Counter(payment.gateway for payment in payments) == {"alpha": 3, "beta": 2}
    moved = [payment for payment in payments if payment.gateway == "beta"]
    assert {payment.attempts[0].failure.reason for payment in moved} == {Reason.BULKHEAD_FULL}


@virtual
async def test_a_bulkhead_lets_new_payments_in_as_soon_as_calls_end():
    world = World("alpha", contract=GatewayContract(concurrency_max=1), latency_s=1.0)
    async with world.engine() as aegis:
        for n in range(5):
            assert (await aegis.pay(**order(f"p-{n}"))).state is PaymentState.SUCCESS


@virtual
async def test_a_gateway_registered_later_takes_part_at_once():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        assert (await aegis.pay(**order("p-1"))).state is PaymentState.FAILURE
        await aegis.register_gateway(SimulatedGateway("beta", ledger=world.ledger, clock=world.clock))
        assert (await aegis.pay(**order("p-2"))).gateway == "beta"
        assert [metrics.name for metrics in await aegis.gateway_metrics()] == ["alpha", "beta"]


def test_every_strategy_can_be_named_in_the_config():
    for strategy in RoutingStrategy:
        assert AegisPayConfig(routing=strategy.value).routing == strategy_of(strategy)
