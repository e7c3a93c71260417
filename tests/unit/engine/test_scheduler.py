"""The scheduler actor: wakes who is due, survives a store that cannot be read."""

from __future__ import annotations

from datetime import timedelta

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


async def watch(store, seconds, *, between=None):
    clock = running_clock()
    woken: list[tuple[float, str]] = []
    errors: list[str] = []
    looks: list[float] = []
    system = ActorSystem(clock=clock)

    def make():
        return SchedulerActor(
            store,
            clock,
            interval_s=10.0,
            wake=lambda payment_id: woken.append((clock.monotonic(), payment_id)),
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
