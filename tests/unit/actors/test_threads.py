"""Refs work from any thread: nothing is lost, and each sender's order is kept."""

import asyncio

import pytest

from aegispay.actors import ActorDeadError, ActorSystem
from tests.unit.actors.rig import Echo, Recorder, Say, in_thread, in_threads, settle, threaded


@threaded
async def test_tells_of_many_threads_all_arrive_in_each_senders_order(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a", capacity=100_000)

    def send(sender):
        for number in range(1_000):
            ref.tell(Say((sender, number)))

    await in_threads(*(lambda sender=sender: send(sender) for sender in range(8)))
    await settle()
    await ref.ask("count", block=False)
    assert len(diary) == 8_000
    for sender in range(8):
        assert [number for who, number in diary if who == sender] == list(range(1_000))


@threaded
async def test_asks_of_many_threads_each_get_their_own_answer(system):
    ref = system.spawn(Echo, name="a")

    def ask(sender):
        return [ref.ask((sender, number)) for number in range(100)]

    answers = await in_threads(*(lambda sender=sender: ask(sender) for sender in range(8)))
    assert answers == [[(sender, number) for number in range(100)] for sender in range(8)]


@threaded
async def test_a_thread_can_stop_an_actor_and_wait_for_it(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    assert await in_threads(ref.stop) == [True]
    assert await in_threads(ref.stop) == [False]
    assert diary == ["stopped"]


@threaded
async def test_a_tell_that_meets_the_end_on_its_way_is_a_dead_letter(system):
    ref = system.spawn(Echo, name="a")
    in_thread(lambda: ref.tell("late"))  # on its way: the loop stands still
    ref.cell.end("normal")
    await settle()
    (letter,) = system.dead_letters.latest()
    assert (letter.message_type, letter.reason) == ("str", "the actor ended before it handled it")


@threaded
async def test_actors_are_started_on_the_loops_own_thread_only(system):
    with pytest.raises(RuntimeError, match="a was not started: start actors on the thread of their event loop"):
        await in_threads(lambda: system.spawn(Echo, name="a"))
    assert system.stats().actors == 0


def test_an_actor_of_a_closed_loop_is_dead_to_other_threads():
    async def main():
        return ActorSystem(name="gone").spawn(Echo, name="a")

    ref = asyncio.run(main())
    for error in (in_thread(lambda: ref.tell("hi")), in_thread(lambda: ref.ask("hi"))):
        assert isinstance(error, ActorDeadError)
        assert str(error) == "the event loop of gone is closed"
