"""Counters of hooks for which many payments race: the store decides, exactly, and nobody crashes over it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from aegispay import MemoryStore, VersionConflictError
from aegispay.domain.hook_kind import VerdictKind
from aegispay.domain.retry import Network, NetworkCap, RetryPolicy
from aegispay.hooks import Allow, Count
from aegispay.hooks.velocity import Velocity
from tests.integration.engine.rig import World, elapse, order, virtual

HOT = {"id": "cust_hot"}
FULL = "velocity: at most 1 payments per customer within 60 s"


class Blind(MemoryStore):
    """Every counter looks empty until something is written: others are always faster than whoever looks.

    `conflicts` of the writes that make counts find that somebody else wrote to their payment first.
    """

    conflicts = 0

    async def count_marks(self, keys, since):
        return {}

    async def append(self, append):
        if append.marks and self.conflicts:
            self.conflicts -= 1
            raise VersionConflictError(payment_id=append.payment_id, expected=append.expected_version, actual=9)
        return await super().append(append)


def one_a_minute(world, **config):
    """Return an engine that lets one payment of a customer pass in a minute, and looks too late whether it may."""
    world.store = Blind(clock=world.clock)
    engine, asked = world.engine(**config), []
    engine.hooks.register(Velocity(per_customer=1, window_s=60.0).hook(on_failure="closed"))

    @engine.hooks.fraud_check(on_failure="closed", priority=-1, is_quick=True)
    def after(context):
        asked.append(context.payment.idempotency_key)
        return Allow("fine", 0.2)

    return engine, asked


def unharmed(caplog):
    return "crashed" not in caplog.text and "parked" not in caplog.text


@virtual
async def test_a_payment_that_lost_the_race_for_a_counter_is_blocked_by_it_and_nobody_is_asked_again(caplog):
    world = World()
    engine, asked = one_a_minute(world)
    async with engine as aegis:
        assert (await aegis.pay(**order("first", customer=HOT))).state == "success"
        lost = await aegis.pay(**order("second", customer=HOT))
        assert await aegis.process_payment(lost.id) == lost
        assert [(report.name, report.called, report.refused) for report in aegis.hooks.list()] == [
            ("velocity", 2, 1),
            ("after", 2, 0),
        ]
    assert (lost.state, lost.failure.reason, lost.failure.code) == ("failure", "risk_refused", "velocity")
    assert lost.failure.message == FULL
    assert [(each.hook, each.verdict) for each in lost.judgements] == [
        ("after", VerdictKind.ALLOW),
        ("velocity", VerdictKind.BLOCK),
    ]
    assert asked == ["first", "second"]
    assert world.charges() == [("alpha", 10_000)]
    assert unharmed(caplog)


@virtual
async def test_what_is_blocked_in_the_last_moment_has_the_events_of_what_is_blocked_at_once(caplog):
    world = World()
    engine, _ = one_a_minute(world)
    async with engine as aegis:
        await aegis.pay(**order("first", customer=HOT))
        lost = await aegis.create_payment(**order("second", customer=HOT))
        await aegis.process_payment(lost.id)
        events = [stored.event.type.value for stored in await aegis.payment_events(lost.id)]
        await elapse(61)
        assert (await aegis.pay(**order("third", customer=HOT))).state == "success"
    assert events == [
        "payment.initiated", "payment.authenticated", "payment.hook_judged", "payment.hook_judged", "payment.failed",
    ]  # fmt: skip
    assert unharmed(caplog)


@virtual
async def test_a_payment_that_lost_its_stream_first_and_the_counter_then_is_blocked_as_well(caplog):
    world = World()
    engine, asked = one_a_minute(world)
    async with engine as aegis:
        await aegis.pay(**order("first", customer=HOT))
        world.store.conflicts = 1
        lost = await aegis.pay(**order("second", customer=HOT))
    assert (lost.state, lost.failure.message) == ("failure", FULL)
    assert asked == ["first", "second", "second"]
    assert world.charges() == [("alpha", 10_000)]
    assert unharmed(caplog)


@pytest.mark.parametrize(("minute", "day", "full"), [(1, 9, "60 s"), (9, 1, "86400 s")])
@virtual
async def test_of_two_windows_the_one_that_is_full_is_named_with_the_hooks_score(minute, day, full):
    world = World()
    engine = world.engine(store=Blind(clock=world.clock))

    @engine.hooks.fraud_check(on_failure="closed", is_quick=True)
    def device(context):
        counts = (Count("device", "d1", minute, 60.0), Count("device", "d1", day, 86_400.0))
        return Allow("known", 0.3, counts=counts)

    async with engine as aegis:
        assert (await aegis.pay(**order("first"))).state == "success"
        lost = await aegis.pay(**order("second"))
    (allowed, blocked) = lost.judgements
    assert (allowed.verdict, blocked.verdict, blocked.score) == (VerdictKind.ALLOW, VerdictKind.BLOCK, 0.3)
    assert (lost.risk_score, lost.failure.message) == (0.3, f"device: at most 1 payments per device within {full}")


@virtual
async def test_a_payment_without_a_gateway_that_lost_the_race_is_blocked_too(caplog):
    world = World()
    engine, _ = one_a_minute(world)
    async with engine as aegis:
        await aegis.pay(**order("first", customer=HOT))
        await aegis.disable_gateway("alpha", reason="maintenance")
        lost = await aegis.pay(**order("second", customer=HOT))
    assert (lost.state, lost.failure.reason, lost.attempts) == ("failure", "risk_refused", ())
    assert unharmed(caplog)


@virtual
async def test_where_the_cards_network_and_a_counter_both_refuse_the_attempt_the_counter_ends_the_payment(caplog):
    cap = NetworkCap(network=Network.VISA, window_s=86_400.0, attempts_max=1)
    world = World()
    engine, _ = one_a_minute(world, retry=RetryPolicy(network_caps=(cap,)))
    visa = {"type": "card", "token": "tok_visa", "brand": "visa"}
    async with engine as aegis:
        assert (await aegis.pay(**order("first", customer=HOT, payment_method=visa))).state == "success"
        capped = await aegis.pay(**order("second", customer={"id": "another"}, payment_method=visa))
        both = await aegis.pay(**order("third", customer=HOT, payment_method=visa))
    assert (capped.state, capped.failure.reason) == ("failure", "network_cap_reached")
    assert (both.state, both.failure.reason, both.attempts) == ("failure", "risk_refused", ())
    assert len(world.charges()) == 1
    assert unharmed(caplog)


LIMIT, SUPPLY_PER_S, STORM_PER_S, WINDOW_S = 60, 10, 60, 60.0


@pytest.mark.parametrize("loop_seed", [1, 2, 3])
@virtual
async def test_card_testing_over_a_slow_store_crashes_nobody_and_gets_as_much_as_the_limit_allows(loop_seed, caplog):
    world, source = World(), random.Random(loop_seed)
    write, lost = world.store.append, Counter()

    async def append(appended):
        await elapse(source.uniform(0.002, 0.02))
        try:
            return await write(appended)
        except Exception as error:
            lost[type(error).__name__] += 1
            raise

    world.store.append = append
    engine = world.engine()
    engine.hooks.register(
        Velocity(per_customer=LIMIT, per_instrument=None, window_s=WINDOW_S).hook(on_failure="closed", priority=1)
    )

    @engine.hooks.fraud_check(on_failure="open")
    async def slow(context):
        await elapse(source.uniform(0.5, 0.95))
        return Allow()

    async with engine as aegis:
        under_way = []

        async def send(per_s, seconds):
            for _ in range(int(per_s * seconds)):
                under_way.append(asyncio.ensure_future(aegis.pay(**order(f"key-{len(under_way)}", customer=HOT))))
                await elapse(source.expovariate(per_s))

        await send(SUPPLY_PER_S, LIMIT / SUPPLY_PER_S)
        await elapse(WINDOW_S - LIMIT / SUPPLY_PER_S)
        await send(STORM_PER_S, LIMIT / SUPPLY_PER_S)
        payments = await asyncio.gather(*under_way)
        health = await aegis.health()
    seed = f"loop_seed={loop_seed}"
    assert lost["LimitReachedError"] > 10, f"{seed}: nobody raced"
    assert unharmed(caplog), seed
    assert (health.parked, health.is_healthy) == ((), True), seed
    ended = Counter((payment.state.value, payment.failure and payment.failure.reason.value) for payment in payments)
    assert set(ended) == {("success", None), ("failure", "risk_refused")}, seed
    assert len(world.charges()) == ended["success", None], seed
    started = sorted(payment.attempts[0].started_at for payment in payments if payment.attempts)
    assert len(started) == ended["success", None] > LIMIT, seed
    full = [(late - early).total_seconds() for early, late in zip(started, started[LIMIT:], strict=False)]
    assert min(full) >= WINDOW_S, seed
