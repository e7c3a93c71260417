"""Names, finding, counting, and the default system of a loop."""

import asyncio
import gc
import tracemalloc

import pykka
import pytest

from aegispay.actors import ActorRef, ActorSystem, DuplicateActorError, SystemStats
from aegispay.actors.system import _defaults
from aegispay.testing import run_virtual, running_clock
from tests.unit.actors.rig import BoomError, Crash, Echo, Recorder, elapse, settle, virtual


@virtual
async def test_a_living_actor_is_found_by_its_name(system):
    ref = system.spawn(Echo, name="a")
    assert system.find("a") is ref
    await system.stop(ref)
    assert system.find("a") is None


@virtual
async def test_a_name_is_taken_once_at_a_time(system):
    first = system.spawn(Echo, name="a")
    with pytest.raises(DuplicateActorError, match="an actor named a is alive already"):
        system.spawn(Echo, name="a")
    await system.stop(first)
    second = system.spawn(Echo, name="a")
    assert second != first
    assert (first.is_alive(), second.is_alive()) == (False, True)


@virtual
async def test_refs_of_two_systems_are_different_although_the_names_are_the_same(system):
    other = ActorSystem(name="other")
    assert system.spawn(Echo, name="a") != other.spawn(Echo, name="a")
    await other.shutdown()


@virtual
async def test_the_counters_say_what_has_happened(system):
    ref = system.spawn(Recorder, name="a")
    system.spawn(Echo, name="b")
    ref.tell("refuse")
    ref.tell(Crash(BoomError()))
    await settle()
    assert system.stats() == SystemStats(actors=1, handled=2, crashes=1, refused=1, dead_letters=1)


@virtual
async def test_a_ref_of_another_runtime_is_refused(system):
    class Threaded(pykka.ThreadingActor):
        pass

    ref = Threaded.start()
    try:
        with pytest.raises(TypeError, match=r"Threaded .* belongs to another runtime"):
            system.restart(ref)
    finally:
        ActorRef.stop(ref)


def test_dead_letters_keep_the_latest_and_count_all():
    async def main():
        system = ActorSystem(clock=running_clock(), dead_letter_capacity=3)
        for number in range(5):
            await elapse(1)
            system.dead_letters.add(number, f"target {number}", "because")
        return system.dead_letters

    letters = run_virtual(main())
    assert letters.count == 5
    assert len(letters) == 3
    assert [(letter.message_type, letter.target, letter.at.second) for letter in letters.latest()] == [
        ("int", "target 2", 3),
        ("int", "target 3", 4),
        ("int", "target 4", 5),
    ]


def test_each_loop_has_a_default_system_of_its_own():
    async def current():
        assert ActorSystem.current() is ActorSystem.current()
        return ActorSystem.current()

    assert asyncio.run(current()) is not asyncio.run(current())


def test_default_systems_of_closed_loops_are_let_go():
    async def current():
        ActorSystem.current()

    for _ in range(5):
        asyncio.run(current())
    gc.collect()
    assert len([loop for loop in _defaults if loop.is_closed()]) <= 1


@virtual
async def test_an_idle_actor_is_small(system):
    """A payment has to cost as much as an object: cell, mailbox, ref and instance together."""
    count = 2_000
    names = [f"pay_{number}" for number in range(count)]
    tracemalloc.start()
    for name in names:
        system.spawn(Echo, name=name)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / count < 1_600
