from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay import CommitUnknownError, MemoryStore, StoreUnavailableError
from aegispay.chaos import (
    Chaos,
    ChaosPlan,
    ClockJump,
    Delay,
    StoreBusy,
    StoreCommitUnknown,
    StoreFails,
    StoreFull,
    StoreSlow,
    StoreWrite,
    Window,
)
from aegispay.testing import run_virtual, running_clock
from tests.contracts.stores import Stream
from tests.unit.chaos.rig import Watch


def disturbed(*faults):
    clock = running_clock()
    chaos = Chaos(ChaosPlan(faults=faults), seed=7, allow=True)
    chaos.begin(clock)
    inner = MemoryStore(clock=clock)
    return inner, chaos.store(inner), chaos


@pytest.mark.parametrize(
    ("fault", "error", "written"),
    [
        (StoreFails(), StoreUnavailableError, 0),
        (StoreFull(), StoreUnavailableError, 0),
        (StoreBusy(), StoreUnavailableError, 0),
        (StoreCommitUnknown(), CommitUnknownError, 1),
    ],
)
def test_each_failure_of_the_store_says_the_truth_about_what_was_written(fault, error, written):
    async def run():
        inner, store, chaos = disturbed(fault)
        with pytest.raises(error):
            await store.append(Stream().create())
        assert len(await inner.read_all()) == written
        assert chaos.report().by_point == {"store append": 1}

    run_virtual(run())


def test_a_slow_commit_is_late_and_written():
    async def run():
        inner, store, _ = disturbed(StoreSlow(delay=Delay(shortest_s=2, longest_s=3)))
        await store.append(Stream().create())
        assert 2 <= running_clock().monotonic() <= 3
        assert len(await inner.read_all()) == 1

    run_virtual(run())


def test_a_full_disk_takes_no_write_of_any_kind_until_there_is_room():
    async def run():
        _, store, _ = disturbed(StoreFull(window=Window(duration_s=10)))
        with pytest.raises(StoreUnavailableError, match="full"):
            await store.save_gateway("alpha", "{}")
        with pytest.raises(StoreUnavailableError, match="full"):
            await store.begin_recoveries(["pay_1"])
        assert await store.read_all() == ()
        await _pass(10)
        await store.save_gateway("alpha", "{}")

    run_virtual(run())


def test_only_the_writes_that_are_named_fail():
    async def run():
        _, store, _ = disturbed(StoreFails(operations=frozenset({StoreWrite.SAVE_GATEWAY})))
        await store.append(Stream().create())
        with pytest.raises(StoreUnavailableError):
            await store.save_gateway("alpha", "{}")

    run_virtual(run())


def test_a_plan_without_store_faults_leaves_the_stores_methods_as_they_are():
    async def run():
        inner, store, _ = disturbed()
        assert store.append == inner.append
        assert store.salt == inner.salt

    run_virtual(run())


async def _pass(seconds):
    from tests.integration.engine.rig import elapse

    await elapse(seconds)


def test_the_wall_clock_jumps_for_its_window_and_monotonic_time_never_does():
    watch = Watch()
    plan = ChaosPlan(
        faults=(
            ClockJump(by_s=-3600, window=Window(start_s=10, duration_s=10)),
            ClockJump(by_s=60, window=Window(start_s=15, duration_s=10)),
        )
    )
    chaos = Chaos(plan, seed=7, allow=True)
    clock = chaos.clock(watch)
    chaos.begin(watch)
    off_s = {}
    for at_s in (0, 10, 15, 20, 25):
        watch.at_s = 100.0 + at_s
        off_s[at_s] = (clock.now() - watch.now()) / timedelta(seconds=1)
        assert clock.monotonic() == watch.monotonic()
    assert off_s == {0: 0, 10: -3600, 15: -3540, 20: 60, 25: 0}
    assert chaos.report().by_kind == {"clock_jump": 2}
