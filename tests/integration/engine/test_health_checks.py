"""Health checks in the background: when gateways are asked, what the answers change, and that they never hurt."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from aegispay import GatewayContract, GatewayHealth, MemoryStore, PaymentState
from aegispay.domain.breaker import BreakerPolicy, BreakerState
from aegispay.ports import ChargeRequest
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

CLOSED, OPEN, HALF_OPEN = BreakerState
STEADY = {"jitter": 0.0}


class Watched(Adapter):
    """A gateway that notes when it is asked for its health, and answers as a test says."""

    def __init__(self, world, answer=None, *, name="odd", charge=approval, **given):
        super().__init__(self._charged, name=name, clock=world.clock, ledger=world.ledger, **given)
        self.answer = GatewayHealth(is_up=True) if answer is None else answer
        self.checked_at = []
        self.charge_with = charge

    async def _charged(self, request: ChargeRequest):
        return self.charge_with(request)

    async def health_check(self):
        self.checked_at.append(self.clock.monotonic())
        if isinstance(self.answer, BaseException):
            raise self.answer
        return await self.answer() if callable(self.answer) else self.answer


def world_of(answer=None, **given):
    world = World()
    world.gateways.clear()
    return world, Watched(world, answer, **given)


def down(_request):
    raise RuntimeError


async def pay_many(aegis, name, count, **changes):
    return [await aegis.pay(**order(f"{name}-{n}", **changes)) for n in range(count)]


async def metrics_of(aegis, name="odd"):
    return await aegis.gateway_metrics(name)


# --- when -----------------------------------------------------------------------------------------------


@virtual
async def test_a_gateway_is_asked_once_when_it_is_registered_and_the_engine_does_not_wait_for_it():
    world, odd = world_of()
    odd.answer = forever
    async with world.engine(odd) as aegis:
        assert world.clock.monotonic() == 0.0
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS
        assert world.clock.monotonic() == 0.0
        assert odd.checked_at == [0.0]
        assert (await metrics_of(aegis)).is_up is None


async def forever():
    await elapse(1e9)


@virtual
async def test_an_idle_gateway_is_asked_every_minute_and_a_busy_one_is_left_alone():
    world, odd = world_of()
    async with world.engine(odd, health_checks=STEADY) as aegis:
        await elapse(185)
        assert [round(at) for at in odd.checked_at] == [0, 60, 120, 180]
        for number in range(20):
            await aegis.pay(**order(f"p-{number}"))
            await elapse(30)
        assert len(odd.checked_at) == 4
        await elapse(61)
        assert len(odd.checked_at) == 5
    assert len(odd.requests) == 20


@virtual
async def test_gateways_that_were_registered_together_are_not_asked_in_one_moment_for_ever():
    world = World()
    world.gateways.clear()
    odd = [Watched(world, name=f"odd-{number}") for number in range(5)]
    async with world.engine(*odd):
        await elapse(3_600)
    assert len({tuple(each.checked_at) for each in odd}) == 5
    for each in odd:
        pauses = [later - at for at, later in zip(each.checked_at, each.checked_at[1:], strict=False)]
        assert all(47.0 <= pause <= 62.0 for pause in pauses)


@virtual
async def test_checks_can_be_switched_off_and_never_move_money():
    world, odd = world_of()
    async with world.engine(odd, health_checks={"idle_s": None}):
        await elapse(10_000)
    assert odd.checked_at == []
    world, odd = world_of()
    async with world.engine(odd):
        await elapse(10_000)
    assert len(odd.checked_at) > 100
    assert (odd.requests, odd.operations, world.charges()) == ([], [], [])


# --- what it says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (GatewayHealth(is_up=False, message="maintenance until noon"), "maintenance until noon"),
        (GatewayHealth(is_up=False, message="account 4111 1111 1111 1111"), "account [removed]"),
        (GatewayHealth(is_up=False, message="x" * 10_000), "x" * 500),
        (GatewayHealth(is_up=False, message="half \ud800 a pair"), "half ? a pair"),
        (GatewayHealth(is_up=1, message="nearly"), "nearly"),
        (GatewayHealth(is_up=False, message=None), ""),
        (RuntimeError("Bearer sk_live_1"), "the check raised RuntimeError"),
        (SystemExit(3), "the check raised SystemExit"),
        (asyncio.CancelledError(), "the check raised CancelledError"),
        (True, "the check answered a bool"),
        ("up", "the check answered a str"),
    ],
    ids=str,
)
@virtual
async def test_whatever_is_no_clear_yes_is_a_no_that_is_shown_and_halves_the_score(answer, message):
    world, odd = world_of(answer)
    async with world.engine(odd) as aegis:
        await elapse(1)
        metrics = await metrics_of(aegis)
        assert (metrics.is_up, metrics.check_message, metrics.health) == (False, message, 0.5)
        assert metrics.check_age_s == pytest.approx(1.0)
        assert (metrics.breaker, metrics.calls, metrics.faults) == (CLOSED, 0, 0)
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS
        assert (await metrics_of(aegis)).health > 0.99


@virtual
async def test_a_contract_that_claims_too_much_is_logged_once_and_stays_visible(caplog):
    claims = "the contract claims idempotency_window_s=86400 and the sandbox keeps 60"
    world, odd = world_of(GatewayHealth(is_up=False, message=claims))
    with caplog.at_level(logging.INFO, logger="aegispay"):
        async with world.engine(odd) as aegis:
            await elapse(600)
            await aegis.pay(**order())
            assert (await metrics_of(aegis)).check_message == claims
            assert (await aegis.health()).gateways[0].check_message == claims
            odd.answer = GatewayHealth(is_up=True)
            await elapse(10)
    told = [record.getMessage() for record in caplog.records if "gateway_" in record.getMessage()]
    assert [("gateway_not_up" in line, "gateway_up_again" in line) for line in told] == [(True, False), (False, True)]
    assert claims in told[0]


@virtual
async def test_a_check_that_never_ends_is_a_no_at_the_timeout_and_nobody_is_asked_twice_at_once():
    world, odd = world_of(contract=GatewayContract(timeout_s=5.0))
    ended = []

    async def stubborn():
        until = asyncio.get_running_loop().time() + 500.0
        while asyncio.get_running_loop().time() < until:
            with contextlib.suppress(asyncio.CancelledError):
                await elapse(until - asyncio.get_running_loop().time())
        ended.append(world.clock.monotonic())
        return GatewayHealth(is_up=True)

    odd.answer = stubborn
    async with world.engine(odd) as aegis:
        await elapse(6)
        metrics = await metrics_of(aegis)
        assert (metrics.is_up, metrics.check_message) == (False, "no answer within 5 s")
        await elapse(400)
        assert odd.checked_at == [0.0]
        odd.answer = GatewayHealth(is_up=True)
        await elapse(100)
        assert ended == [500.0]
        assert (await metrics_of(aegis)).is_up is True


@virtual
async def test_a_check_under_way_holds_closing_up_by_no_more_than_a_second():
    world, odd = world_of(forever)
    async with world.engine(odd):
        await elapse(1)
        closing_at = world.clock.monotonic()
    assert world.clock.monotonic() - closing_at <= 1.0
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_an_idle_gateway_that_says_it_is_down_still_gets_payments_when_there_is_no_other():
    world, odd = world_of(GatewayHealth(is_up=False))
    async with world.engine(odd) as aegis:
        await elapse(10)
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS


# --- open breakers --------------------------------------------------------------------------------------


async def outage(world, aegis, odd, seconds, *, health):
    """Let charges fail for so long, with a health check that says this meanwhile; five payments find out."""
    odd.charge_with, odd.answer = down, health
    await pay_many(aegis, f"fault-{world.clock.monotonic():.0f}", 5)
    assert (await metrics_of(aegis)).breaker is OPEN
    await elapse(seconds)
    odd.charge_with, odd.answer = approval, GatewayHealth(is_up=True)
    return world.clock.monotonic()


async def traffic_after_s(world, aegis, ended_at):
    for number in range(1_000):
        if (await aegis.pay(**order(f"after-{number}"))).state is PaymentState.SUCCESS:
            return world.clock.monotonic() - ended_at
        await elapse(1)
    raise AssertionError


PATIENT = {"check_delays_s": (10_000,), "health_checks": STEADY}


@virtual
async def test_an_outage_that_the_checks_saw_is_over_for_payments_within_a_quarter_of_a_minute():
    world, odd = world_of(contract=GatewayContract(idempotency_window_s=None))
    async with world.engine(odd, **PATIENT) as aegis:
        await elapse(1)
        ended_at = await outage(world, aegis, odd, 20, health=GatewayHealth(is_up=False))
        assert await traffic_after_s(world, aegis, ended_at) <= 15.0


@virtual
async def test_an_endpoint_that_said_yes_all_through_the_outage_ends_no_pause_early():
    world, odd = world_of(contract=GatewayContract(idempotency_window_s=None))
    async with world.engine(odd, **PATIENT) as aegis:
        await elapse(1)
        ended_at = await outage(world, aegis, odd, 20, health=GatewayHealth(is_up=True))
        assert 39.0 <= await traffic_after_s(world, aegis, ended_at) <= 42.0


@virtual
async def test_a_pause_that_ended_early_and_wrongly_is_followed_by_a_whole_one():
    world, odd = world_of(contract=GatewayContract(idempotency_window_s=None))
    async with world.engine(odd, **PATIENT) as aegis:
        await elapse(1)
        await outage(world, aegis, odd, 20, health=GatewayHealth(is_up=False))
        odd.charge_with = down
        while (await metrics_of(aegis)).breaker is OPEN:
            await elapse(1)
        before = len(odd.requests)
        await pay_many(aegis, "probe", 1)
        assert len(odd.requests) - before == 1
        assert (await metrics_of(aegis)).breaker is OPEN
        await elapse(59)
        assert (await metrics_of(aegis)).breaker is OPEN
        await elapse(2)
        assert (await metrics_of(aegis)).breaker is HALF_OPEN


@virtual
async def test_a_forced_breaker_is_ended_by_no_health_check():
    world, odd = world_of(GatewayHealth(is_up=False))
    async with world.engine(odd, **PATIENT) as aegis:
        await elapse(1)
        await aegis.force_breaker("odd", state="open", reason="x")
        await elapse(20)
        odd.answer = GatewayHealth(is_up=True)
        await elapse(200)
        assert (await metrics_of(aegis)).breaker is OPEN


# --- approvals ------------------------------------------------------------------------------------------


@virtual
async def test_answered_charges_are_counted_for_routing_fade_and_survive_a_restart():
    world = World("alpha")
    async with world.engine(approvals_half_life_s=100.0) as aegis:
        await pay_many(aegis, "good", 6)
        await pay_many(aegis, "declined", 2, token="tok_declined")
        payment = await aegis.pay(**order("lost", token="tok_error_after_charge"))
        await elapse(0.0)
        metrics = await aegis.gateway_metrics("alpha")
        assert (metrics.approvals, metrics.declines, metrics.approval_rate) == (6.0, 2.0, 0.75)
        await elapse(5)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
        assert (await aegis.gateway_metrics("alpha")).approvals == pytest.approx(7.0, abs=0.3)
        known = aegis._assembly._router_memory.snapshots["alpha"]
        assert (known.approvals, known.declines) == (
            pytest.approx(7.0, abs=0.3),
            pytest.approx(2.0, abs=0.1),
        )
    await elapse(95)
    async with world.engine(approvals_half_life_s=100.0) as aegis:
        metrics = await aegis.gateway_metrics("alpha")
        assert (metrics.approvals, metrics.declines) == (pytest.approx(3.5, abs=0.1), pytest.approx(1.0, abs=0.05))


@virtual
async def test_what_an_earlier_version_kept_is_still_understood():
    world = World("alpha", "beta")
    world.store = MemoryStore(clock=world.clock)
    then = world.clock.now().timestamp()
    await elapse(10)
    open_one = '{"state":"open","age_s":20.0,"failure_ages_s":[]'
    closed_one = '{"state":"closed","age_s":500.0,"failure_ages_s":[40.0,12.0,11.0,10.0]'
    rest = f',"saved_at":{then},"slots":[],"is_enabled":true,"disabled_because":""}}'
    await world.store.open()
    await world.store.save_gateway("alpha", open_one + rest)
    await world.store.save_gateway("beta", closed_one + rest.replace("true", "false").replace('""', '"audit"'))
    async with world.engine(breaker=BreakerPolicy(window_s=60.0)) as aegis:
        alpha, beta = await aegis.gateway_metrics()
        assert (alpha.breaker, alpha.breaker_age_s) == (OPEN, pytest.approx(30.0))
        assert (beta.breaker, beta.is_enabled, beta.disabled_because) == (CLOSED, False, "audit")
        await aegis.enable_gateway("beta")
        world["beta"].is_up = False
        await pay_many(aegis, "fault", 1, gateway="beta")
        assert (await aegis.gateway_metrics("beta")).breaker is OPEN
