"""Limits of a gateway: what is refused goes elsewhere, money can always be returned, and one never takes all."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from aegispay import AegisPayConfig, GatewayContract, PaymentState, Reason, SimulatedGateway
from aegispay.actors.gateway import PlaceCall
from aegispay.domain.breaker import BreakerPolicy, BreakerState
from aegispay.errors import ConfigurationError
from tests.integration.engine.books import charged, operations
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

ALPHA_FIRST = {"kind": "weighted", "weights": {"alpha": 1}}


def at_once(aegis, count, name="p", **changes):
    return [asyncio.create_task(aegis.pay(**order(f"{name}-{n}", **changes))) for n in range(count)]


async def states_of(paying):
    return Counter(payment.state for payment in await asyncio.gather(*paying))


async def metrics_of(aegis, name="alpha"):
    return await aegis.gateway_metrics(name)


# --- calls per second -----------------------------------------------------------------------------------


@virtual
async def test_more_calls_than_the_rate_allows_go_to_the_next_gateway():
    world = World("alpha", "beta")
    limits = {"alpha": {"rate_per_s": 10.0, "burst": 5, "reserved_share": 0.0}}
    async with world.engine(routing=ALPHA_FIRST, limits=limits) as aegis:
        payments = await asyncio.gather(*at_once(aegis, 20))
        assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
        assert Counter(payment.gateway for payment in payments) == {"alpha": 5, "beta": 15}
        refused = [payment.attempts[0].failure for payment in payments if payment.gateway == "beta"]
        assert {failure.reason for failure in refused} == {Reason.RATE_LIMITED}
        metrics = await metrics_of(aegis)
        assert (metrics.tokens, metrics.refused_by_reason, metrics.faults) == (0.0, {Reason.RATE_LIMITED: 15}, 0)
        assert metrics.breaker is BreakerState.CLOSED
        await elapse(0.35)
        later = await asyncio.gather(*at_once(aegis, 6, "later"))
        assert Counter(payment.gateway for payment in later) == {"alpha": 3, "beta": 3}


@virtual
async def test_charges_that_take_every_token_leave_some_for_refunds():
    world = World("alpha")
    limits = {"alpha": {"rate_per_s": 10.0, "burst": 20, "reserved_share": 0.2}}
    async with world.engine(limits=limits) as aegis:
        payment = await charged(aegis)
        await elapse(10)
        states = await states_of(at_once(aegis, 40))
        assert states == {PaymentState.SUCCESS: 16, PaymentState.FAILURE: 24}
        before = world.clock.monotonic()
        refunded = await aegis.refund_payment(payment.id, idempotency_key="r", amount="10.00")
        assert operations(refunded) == [("refund", "succeeded", 1_000)]
        assert world.clock.monotonic() == before


@virtual
async def test_refunds_beyond_the_rate_wait_their_turn_and_are_all_made():
    world = World("alpha")
    limits = {"alpha": {"rate_per_s": 2.0, "burst": 2}}
    async with world.engine() as aegis:
        payments = [await charged(aegis, f"order-{number}") for number in range(10)]
    async with world.engine(limits=limits) as aegis:
        before = world.clock.monotonic()
        refunding = [aegis.refund_payment(payment.id, idempotency_key="r") for payment in payments]
        assert {payment.state for payment in await asyncio.gather(*refunding)} == {PaymentState.REFUNDED}
        assert world.clock.monotonic() - before == pytest.approx(4.0, abs=1.0)


@virtual
async def test_a_call_that_its_breaker_holds_takes_no_token():
    world = World("alpha")
    async with world.engine(limits={"alpha": {"rate_per_s": 0.001, "burst": 5}}) as aegis:
        payment = await charged(aegis)
        await aegis.force_breaker("alpha", state="open", reason="x", operation="refund")
        await aegis.refund_payment(payment.id, idempotency_key="r")
        metrics = await metrics_of(aegis)
        assert metrics.refused_by_reason[Reason.BREAKER_OPEN] > 5
        assert metrics.tokens == pytest.approx(4.0, abs=0.1)


# --- places ---------------------------------------------------------------------------------------------


@virtual
async def test_charges_never_take_the_last_places_so_a_refund_is_served_at_once():
    world = World("alpha", contract=GatewayContract(concurrency_max=20))
    async with world.engine() as aegis:
        payment = await charged(aegis)
        world["alpha"].latency_s = 5.0
        paying = at_once(aegis, 50)
        await elapse(1)
        metrics = await metrics_of(aegis)
        assert (metrics.in_flight, metrics.concurrency_limit) == (18, 20)
        before = world.clock.monotonic()
        refunded = await aegis.refund_payment(payment.id, idempotency_key="r", amount="10.00")
        assert operations(refunded) == [("refund", "succeeded", 1_000)]
        assert world.clock.monotonic() - before == pytest.approx(5.0)
        await asyncio.gather(*paying)


@virtual
async def test_a_storm_of_questions_leaves_half_the_places_for_charges_and_refunds():
    world = World()
    asked = []

    async def look(request):
        asked.append(request)
        await elapse(20)
        return approval(request)

    async def charge(request):
        if request.payment_method.token == "tok_lost":
            raise RuntimeError
        return odd.take(request)

    odd = Adapter(charge, lookup=look, name="odd", contract=GatewayContract(concurrency_max=10), ledger=world.ledger)
    world.gateways.clear()
    patient = BreakerPolicy(failures_max=1_000)
    async with world.engine(odd, breaker=patient, check_delays_s=(1,)) as aegis:
        payment = await charged(aegis)
        for number in range(30):
            await aegis.pay(**order(f"lost-{number}", token="tok_lost"))
        await elapse(2)
        assert (await metrics_of(aegis, "odd")).in_flight == 5
        before = world.clock.monotonic()
        await aegis.refund_payment(payment.id, idempotency_key="r", amount="10.00")
        assert world.clock.monotonic() == before


@virtual
async def test_the_contract_is_the_upper_bound_of_what_a_limit_may_say():
    world = World("alpha", contract=GatewayContract(concurrency_max=3), latency_s=1.0)
    async with world.engine(limits={"alpha": {"concurrency_max": 500}}) as aegis:
        states = await states_of(at_once(aegis, 5))
        assert states == {PaymentState.SUCCESS: 3, PaymentState.FAILURE: 2}
        assert (await metrics_of(aegis)).concurrency_limit == 3


@virtual
async def test_each_gateway_has_its_own_limit_and_the_others_have_the_default():
    world = World("alpha", "beta")
    limits = {"limits": {"alpha": {"concurrency_max": 7}}, "limits_default": {"concurrency_max": 2}}
    async with world.engine(**limits) as aegis:
        assert [each.concurrency_limit for each in await aegis.gateway_metrics()] == [7, 2]


@virtual
async def test_a_slow_gateway_does_not_consume_what_the_others_can_do():
    """Scenario 161: one hangs; its overflow goes elsewhere and nobody else waits longer than his own gateway takes."""
    world = World("alpha", "beta", contract=GatewayContract(concurrency_max=20, timeout_s=30.0), latency_s=0.2)
    async with world.engine(limits_default={"reserved_share": 0.0}) as aegis:
        world["alpha"].latency_s = 29.0
        slow = at_once(aegis, 50, "slow", gateway="alpha")
        await elapse(0.1)
        began = world.clock.monotonic()
        for wave in range(10):
            fast = await asyncio.gather(*at_once(aegis, 20, f"fast-{wave}", gateway="beta"))
            assert {payment.state for payment in fast} == {PaymentState.SUCCESS}
        assert world.clock.monotonic() - began == pytest.approx(10 * 0.2)
        assert [each.in_flight for each in await aegis.gateway_metrics()] == [20, 0]
        assert await states_of(slow) == {PaymentState.SUCCESS: 20, PaymentState.FAILURE: 30}


# --- limits that follow latency -------------------------------------------------------------------------


@virtual
async def test_an_adaptive_limit_shrinks_while_answers_are_slow_and_is_whole_again_after():
    world = World("alpha", contract=GatewayContract(concurrency_max=64), latency_s=0.2)
    limits = {"alpha": {"adaptive": {"limit_min": 4}}}
    async with world.engine(limits=limits, breaker=BreakerPolicy(failures_max=1_000)) as aegis:
        for wave in range(20):
            await asyncio.gather(*at_once(aegis, 5, f"calm-{wave}"))
            await elapse(0.3)
        assert (await metrics_of(aegis)).concurrency_limit == 64
        world["alpha"].latency_s = 2.0
        for wave in range(15):
            await asyncio.gather(*at_once(aegis, 5, f"slow-{wave}"))
        assert (await metrics_of(aegis)).concurrency_limit == 4
        world["alpha"].latency_s = 0.2
        for wave in range(60):
            await asyncio.gather(*at_once(aegis, 3, f"calm-again-{wave}"))
            await elapse(0.3)
        assert (await metrics_of(aegis)).concurrency_limit == 64


@virtual
async def test_a_refused_connection_is_no_fast_answer():
    world = World("alpha", latency_s=0.2)
    limits = {"alpha": {"adaptive": {}}}
    async with world.engine(limits=limits, breaker=BreakerPolicy(failures_max=1_000)) as aegis:
        for wave in range(10):
            await asyncio.gather(*at_once(aegis, 5, f"calm-{wave}"))
        world["alpha"].is_up = False
        for wave in range(30):
            await asyncio.gather(*at_once(aegis, 5, f"down-{wave}"))
            await elapse(1)
        world["alpha"].is_up = True
        for wave in range(10):
            await asyncio.gather(*at_once(aegis, 5, f"up-{wave}"))
        assert (await metrics_of(aegis)).concurrency_limit == 256


# --- at run time ----------------------------------------------------------------------------------------


@virtual
async def test_other_policies_hold_from_the_next_message_on_also_after_a_crash_and_for_gateways_registered_later():
    world = World("alpha", latency_s=1.0)
    async with world.engine() as aegis:
        running = at_once(aegis, 3, "before")
        await elapse(0.5)
        config = AegisPayConfig(limits_default={"concurrency_max": 1}, breaker={"failures_max": 2})
        aegis._assembly.registry.configure(config)
        assert (await metrics_of(aegis)).concurrency_limit == 1
        assert {(await each).state for each in running} == {PaymentState.SUCCESS}
        aegis._assembly.system.find("gateway:alpha").tell(PlaceCall(None))
        await elapse(1)
        assert aegis._assembly.system.find("gateway:alpha").cell.incarnation == 1
        await aegis.register_gateway(SimulatedGateway("beta", ledger=world.ledger, clock=world.clock))
        assert [each.concurrency_limit for each in await aegis.gateway_metrics()] == [1, 1]
        world["alpha"].is_up = False
        for number in range(2):
            await aegis.pay(**order(f"fault-{number}", gateway="alpha"))
        assert (await metrics_of(aegis)).breaker is BreakerState.OPEN


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        ({"alpha": {"rate_per_s": -1}}, "rate_per_s"),
        ({"alpha": {"burst": 3}}, "burst"),
        ({"alpha": {"concurency_max": 3}}, "concurency_max"),
        ({"alpha": {"adaptive": {"tolerance": 0.5}}}, "tolerance"),
    ],
)
def test_limits_in_a_configuration_are_checked_and_named(limits, path):
    with pytest.raises(ConfigurationError, match=path):
        AegisPayConfig(limits=limits)
