"""The scheduler actor: wakes who is due, survives a store that cannot be read."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from aegispay import StoreUnavailableError
from aegispay.actors import ActorSystem
from aegispay.actors.scheduler import SchedulerActor
from aegispay.testing import running_clock
from tests.integration.engine.rig import elapse, virtual


class Due:
    """A store that knows only who is due."""

    def __init__(self, times):
        self.times = times
        self.is_broken = False

    async def due(self, at, *, limit):
        if self.is_broken:
            raise StoreUnavailableError("broken")
        return tuple(payment_id for payment_id, time in self.times.items() if time <= at)[:limit]


async def watch(store, seconds, *, between=None, interval_s=10.0, wake=None):
    clock = running_clock()
    woken: list[tuple[float, str]] = []
    errors: list[str] = []
    looks: list[float] = []
    system = ActorSystem(clock=clock)

    def note(payment_id):
        woken.append((clock.monotonic(), payment_id))
        return True

    def make():
        return SchedulerActor(
            store,
            clock,
            interval_s=interval_s,
            wake=wake or note,
            look=lambda: looks.append(clock.monotonic()),
            on_error=lambda error: errors.append(str(error)),
        )

    system.spawn(make, name="scheduler")
    for step in seconds:
        await elapse(step)
        if between is not None:
            between()
    await system.shutdown(timeout_s=1)
    return woken, errors, looks


@virtual
async def test_who_is_due_is_woken_at_the_next_look_and_nobody_earlier():
    start = running_clock().now()
    store = Due({"early": start + timedelta(seconds=5), "late": start + timedelta(seconds=15)})
    woken, errors, looks = await watch(store, [25.0])
    assert woken == [(10.0, "early"), (20.0, "early"), (20.0, "late")]
    assert errors == []
    assert looks == [10.0, 20.0]


@virtual
async def test_after_a_store_that_cannot_be_read_it_looks_again():
    store = Due({"a": running_clock().now()})
    store.is_broken = True

    def mend():
        store.is_broken = False

    woken, errors, looks = await watch(store, [25.0, 10.0], between=mend)
    assert errors == ["broken", "broken"]
    assert looks == [10.0, 20.0, 30.0]
    assert woken == [(30.0, "a")]


class Slow(Due):
    """A store that takes a while to say who is due."""

    async def due(self, at, *, limit):
        await elapse(1.0)
        return await super().due(at, limit=limit)


@virtual
async def test_after_a_look_that_took_long_there_is_a_rest_four_times_as_long():
    _, _, looks = await watch(Slow({}), [12.0], interval_s=0.1)
    assert looks == pytest.approx([0.1, 5.1, 10.1])


class Crowd(Due):
    """A store in which a hundred are due; it also notes how many were woken at each turn of the loop after that."""

    def __init__(self, woken):
        super().__init__({})
        self.woken = woken
        self.seen: list[int] = []

    async def due(self, at, *, limit):
        self._look(8)
        return tuple(f"pay_{number}" for number in range(100))

    def _look(self, left):
        self.seen.append(len(self.woken))
        if left:
            asyncio.get_running_loop().call_soon(self._look, left - 1)


@virtual
async def test_a_crowd_that_is_woken_lets_others_have_their_turn_in_between():
    woken: list[str] = []
    store = Crowd(woken)

    def wake(payment_id):
        woken.append(payment_id)
        return True

    await watch(store, [11.0], wake=wake)
    assert {32, 64, 96, 100} <= set(store.seen)
