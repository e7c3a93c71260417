"""Gateway actors, the router and the scheduler crash in the middle of traffic: nothing is lost, nothing forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import aegispay.assembly
import aegispay.registry
from aegispay import EngineFailedError, PaymentState
from aegispay.actors.gateway import CallEnded, GatewayActor
from aegispay.actors.router import RouterActor
from aegispay.actors.scheduler import SchedulerActor
from aegispay.domain.breaker import BreakerPolicy, BreakerState
from tests.crash.points import CrashError, Poison
from tests.integration.engine.rig import World, elapse, order, virtual

ACTORS = ("gateway:alpha", "router", "scheduler")


@pytest.fixture(autouse=True)
def _mortal(monkeypatch):
    """Let the three kinds of actors die of poison."""
    monkeypatch.setattr(aegispay.registry, GatewayActor.__name__, mortal(GatewayActor))
    for kind in (RouterActor, SchedulerActor):
        monkeypatch.setattr(aegispay.assembly, kind.__name__, mortal(kind))


def mortal(kind: Any) -> Any:
    class Mortal(kind):
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, Poison):
                raise CrashError("poisoned")
            return super().on_receive(message)

    return Mortal


def kill(aegis, name):
    aegis._assembly.system.find(name).tell(Poison())


def incarnation(aegis, name):
    return aegis._assembly.system.find(name).cell.incarnation


def has_failed(aegis):
    try:
        aegis.payment_ref("pay_" + "0" * 26)
    except EngineFailedError:
        return True
    return False


async def pay_many(aegis, count):
    return [asyncio.create_task(aegis.pay(**order(f"order-{number}"))) for number in range(count)]


@pytest.mark.parametrize("loop_seed", range(5))
@pytest.mark.parametrize("name", ACTORS)
@virtual
async def test_traffic_goes_on_while_it_crashes_again_and_again(name, loop_seed):
    world = World("alpha", "beta", latency_s=(0.1, 2.0))
    async with world.engine() as aegis:
        tasks = []
        for wave in range(8):
            tasks += [asyncio.create_task(aegis.pay(**order(f"order-{wave}-{number}"))) for number in range(10)]
            kill(aegis, name)
            await elapse(1.5)
        await asyncio.gather(*tasks)
        await elapse(100)
        assert incarnation(aegis, name) == 8
        payments = [await aegis.get_payment(task.result().id) for task in tasks]
        assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
        assert len(world.charges()) == len({payment.id for payment in payments}) == 80


@pytest.mark.parametrize("name", ACTORS)
@virtual
async def test_calls_in_flight_are_not_cancelled(name):
    world = World(latency_s=10.0)
    async with world.engine() as aegis:
        tasks = await pay_many(aegis, 10)
        await elapse(1)
        assert (await aegis.health()).calls == 10
        kill(aegis, name)
        await elapse(1)
        assert incarnation(aegis, name) == 1
        assert (await aegis.health()).calls == 10
        payments = await asyncio.gather(*tasks)
        assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
        assert world.clock.monotonic() == pytest.approx(10)
        assert world["alpha"].calls == 10


@virtual
async def test_a_gateway_that_crashed_remembers_its_breaker_its_health_and_its_switch():
    world = World("alpha", "beta")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await asyncio.gather(*(await pay_many(aegis, 10)))
        await aegis.disable_gateway("beta", reason="maintenance")
        before = await aegis.gateway_metrics()
        assert before[0].breaker is BreakerState.OPEN
        for name in ("gateway:alpha", "gateway:beta"):
            kill(aegis, name)
        await elapse(1)
        after = await aegis.gateway_metrics()
        assert [incarnation(aegis, f"gateway:{each.name}") for each in after] == [1, 1]
        for old, new in zip(before, after, strict=True):
            assert (new.breaker, new.calls, new.faults) == (old.breaker, old.calls, old.faults)
            assert (new.is_enabled, new.disabled_because) == (old.is_enabled, old.disabled_because)
            assert new.breaker_age_s == pytest.approx(old.breaker_age_s + 1, abs=0.01)


@virtual
async def test_a_router_that_crashed_still_knows_every_gateway():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        kill(aegis, "router")
        payment = await aegis.pay(**order())
        assert incarnation(aegis, "router") == 1
        considered = {candidate.gateway for candidate in _decision(await world.store.load(payment.id)).candidates}
        assert considered == {"alpha", "beta"}


def _decision(events):
    return next(stored.event.decision for stored in events if hasattr(stored.event, "decision"))


@virtual
async def test_a_scheduler_that_crashed_misses_no_timer():
    world = World(latency_s=1.0)
    async with world.engine(payment_expiry_s=30.0) as aegis:
        payments = [await aegis.create_payment(**order(f"order-{number}")) for number in range(5)]
        for _ in range(6):
            kill(aegis, "scheduler")
            await elapse(6)
        states = {(await aegis.get_payment(payment.id)).state for payment in payments}
        assert states == {PaymentState.CANCELLED}


@virtual
async def test_probes_whose_end_a_crash_swallowed_do_not_keep_a_gateway_out_for_ever(monkeypatch):
    swallowing = []

    class Swallowing(GatewayActor):
        def on_receive(self, message: Any) -> Any:
            if swallowing and isinstance(message, CallEnded):
                swallowing.pop()
                raise CrashError("over the end of a call")
            return super().on_receive(message)

    monkeypatch.setattr(aegispay.registry, "GatewayActor", Swallowing)
    world = World("alpha")
    policy = BreakerPolicy(failures_max=2, open_s=10.0)
    async with world.engine(breaker=policy) as aegis:
        world["alpha"].is_up = False
        await asyncio.gather(*(await pay_many(aegis, 4)))
        world["alpha"].is_up = True
        swallowing.extend(range(policy.probes_max))
        for number in range(2 * policy.probes_max):
            await elapse(15)
            await aegis.pay(**order(f"probe-{number}"))
        assert swallowing == []
        assert (await aegis.pay(**order("after"))).state is PaymentState.SUCCESS
        assert (await aegis.gateway_metrics("alpha")).breaker is BreakerState.CLOSED


@pytest.mark.parametrize("name", ["router", "scheduler"])
@virtual
async def test_a_part_that_cannot_stay_up_ends_the_engine_and_the_next_one_goes_on(name):
    world = World(latency_s=20.0)
    async with world.engine() as aegis:
        tasks = await pay_many(aegis, 5)
        await elapse(1)
        for _ in range(300):
            if has_failed(aegis):
                break
            kill(aegis, name)
            await elapse(0.05)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {EngineFailedError}
        assert world.clock.monotonic() < 19
    async with world.engine() as reopened:
        payments = await asyncio.gather(*(await pay_many(reopened, 5)))
        await elapse(200)
        states = {(await reopened.get_payment(payment.id)).state for payment in payments}
        assert states == {PaymentState.SUCCESS}
        assert len(world.charges()) == 5
