"""After a storm nothing is kept of what is settled, however it came to be."""

from __future__ import annotations

import asyncio
import random

import pytest

from aegispay import AegisPay, AegisPayConfig, AegisPayError, BreakerPolicy
from aegispay.chaos import (
    ActorCrash,
    ActorKind,
    ChaosPlan,
    Delay,
    GatewayError,
    GatewayHang,
    GatewayLatency,
    MessageDelay,
    MessageDuplicate,
    StoreCommitUnknown,
    When,
    disturbed,
)
from tests.integration.engine.rig import World, elapse, order, virtual

CONFIG = AegisPayConfig(
    breaker=BreakerPolicy(failures_max=100), common_cause_max=10_000, actor_idle_s=5.0, finished_kept=5, crashes_max=50
)
PLAN = ChaosPlan(
    faults=(
        GatewayLatency(rate=0.3, delay=Delay(longest_s=40.0)),
        GatewayError(rate=0.2, when=When.AFTER),
        GatewayHang(rate=0.1, when=When.AFTER),
        ActorCrash(actor=ActorKind.PAYMENT, rate=0.05),
        ActorCrash(actor=ActorKind.PAYMENT, rate=0.05, when=When.AFTER),
        MessageDelay(rate=0.1, delay=Delay(longest_s=5.0)),
        MessageDuplicate(rate=0.1, delay=Delay(longest_s=5.0)),
        StoreCommitUnknown(rate=0.02),
    ),
)
SEEDS = (1, 2)


def held(aegis):
    """Return how much each part of the engine keeps that belongs to single payments."""
    assembly, calls = aegis._assembly, aegis._calls
    parts = {
        "calls": calls._running,
        "tasks": calls._tasks,
        "given up": calls._lingering,
        "announced": calls._announced,
        "sent": calls._last_send_ended_s,
        "background": assembly._background._tasks,
        "held back": assembly._held,
        "waiters": assembly.waiters,
        "actors": assembly.directory,
    }
    return {name: len(part) for name, part in parts.items() if len(part)}


async def _client(aegis, number):
    await elapse(number * 0.5)
    for _ in range(20):
        try:
            return await aegis.pay(**order(f"order-{number}"))
        except AegisPayError:
            await elapse(1.0)
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_when_all_is_quiet_the_engine_holds_nothing_of_what_it_did(seed):
    @virtual
    async def run():
        world = World("alpha", "beta")

        def make(chaos):
            return AegisPay(
                world.store,
                gateways=world.gateways,
                clock=world.clock,
                config=CONFIG,
                random_source=random.Random(seed),
                chaos=chaos,
            )

        async with disturbed(make, PLAN, seed=seed) as storm:
            await asyncio.gather(*(_client(storm.aegis, number) for number in range(100)))
            storm.stop()
            await elapse(3_600)
            for parking in (await storm.aegis.health()).parked:
                await storm.aegis.unpark_payment(parking.payment_id, operator="anna")
            await elapse(3_600)
            left = held(storm.aegis)
            assert left.pop("actors", 0) <= CONFIG.finished_kept
            assert left == {}
        assert set(storm.report().by_kind) == {fault.kind for fault in PLAN.faults}

    run()
