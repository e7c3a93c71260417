"""Replies: awaited on the loop, waited for in other threads, answered exactly once."""

import asyncio
import functools
import operator

import pykka
import pytest

from aegispay.actors import ActorFuture, AskTimeoutError, NotReadyError
from tests.unit.actors.rig import (
    BoomError,
    Echo,
    Recorder,
    Say,
    Work,
    elapse,
    in_thread,
    in_threads,
    settle,
    threaded,
    virtual,
)


@virtual
async def test_a_reply_is_awaited_without_blocking_the_loop(system):
    ref = system.spawn(Recorder, name="a")
    ticks = []

    async def tick():
        for _ in range(9):
            await elapse(0.1)
            ticks.append(system.loop.time())

    ticking = asyncio.create_task(tick())
    await ref.ask(Work(1), block=False)
    assert len(ticks) == 9
    await ticking


@virtual
async def test_get_on_the_loops_own_thread_raises_instead_of_deadlocking(system):
    future = system.spawn(Echo, name="a").ask("hi", block=False)
    with pytest.raises(NotReadyError, match="use block=False and await"):
        future.get()
    assert await future == "hi"
    assert future.get() == "hi"


@virtual
async def test_a_blocking_ask_on_the_loops_own_thread_sends_nothing(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    with pytest.raises(NotReadyError):
        ref.ask(Say("hi"))
    await settle()
    assert diary == []


@virtual
async def test_a_blocking_stop_on_the_loops_own_thread_stops_nothing(system):
    ref = system.spawn(Echo, name="a")
    with pytest.raises(NotReadyError):
        ref.stop()
    await settle()
    assert ref.is_alive()


@threaded
async def test_get_in_another_thread_waits_for_the_reply(system):
    ref = system.spawn(Recorder, name="a")
    assert await in_threads(lambda: ref.ask(Say("hi"), block=False).get()) == ["hi"]


@threaded
async def test_get_in_another_thread_gives_up_after_its_timeout(system):
    future = ActorFuture(system)
    with pytest.raises(pykka.Timeout, match=r"0\.001 seconds"):
        await in_threads(lambda: future.get(timeout=0.001))
    future.set("late")
    assert await future == "late"


@threaded
async def test_a_blocking_ask_ends_in_time_although_the_loop_stands_still(system):
    ref = system.spawn(Echo, name="a")
    late = in_thread(lambda: ref.ask("hi", timeout=0.01))
    assert isinstance(late, AskTimeoutError)
    assert str(late) == "Echo (a) did not answer str in time"


@threaded
async def test_a_future_can_be_awaited_on_another_loop(system):
    ref = system.spawn(Echo, name="a")

    async def elsewhere():
        return await ref.ask("hi", block=False)

    assert await in_threads(lambda: asyncio.run(elsewhere())) == ["hi"]


@virtual
async def test_a_reply_can_be_taken_many_times(system):
    future = system.spawn(Echo, name="a").ask("hi", block=False)
    assert [await future, await future, future.get()] == ["hi"] * 3


@virtual
async def test_a_future_is_set_once(system):
    future = ActorFuture(system)
    future.set(1)
    with pytest.raises(asyncio.InvalidStateError):
        future.set(2)
    assert future.get() == 1


@virtual
async def test_answers_after_the_first_change_nothing(system):
    future = ActorFuture(system)
    future.answer(1)
    future.answer(2)
    future.refuse(BoomError())
    future.time_out()
    assert future.get() == 1


@virtual
async def test_the_exception_being_handled_is_set_by_default(system):
    future = ActorFuture(system)
    try:
        raise BoomError("it")
    except BoomError:
        future.set_exception()
    with pytest.raises(BoomError, match="it"):
        await future


@virtual
async def test_an_exception_can_be_set_from_its_parts(system):
    future = ActorFuture(system)
    error = BoomError("it")
    future.set_exception((BoomError, error, None))
    with pytest.raises(BoomError) as caught:
        future.get()
    assert caught.value is error


@virtual
async def test_map_filter_and_reduce_work_on_what_arrives_later(system):
    ref = system.spawn(Echo, name="a")
    future = ref.ask([1, 2, 3, 4], block=False)
    mapped = future.map(sum)
    filtered = future.filter(lambda item: item % 2 == 0)
    reduced = future.reduce(operator.mul)
    from_ten = future.reduce(operator.add, 10)
    assert [await mapped, await filtered, await reduced, await from_ten] == [10, [2, 4], 24, 20]


@virtual
async def test_map_filter_and_reduce_work_on_what_is_there(system):
    future = system.spawn(Echo, name="a").ask([1, 2], block=False)
    await future
    assert await future.map(len) == 2
    assert await future.filter(bool).map(sum) == 3


@virtual
async def test_join_gives_all_replies_in_order(system):
    ref = system.spawn(Echo, name="a")
    first, second, third = (ref.ask(each, block=False) for each in "abc")
    assert await first.join(second, third) == ["a", "b", "c"]


@virtual
async def test_join_fails_with_the_first_failure(system):
    fine, failing = ActorFuture(system), ActorFuture(system)
    joined = fine.join(failing)
    failing.refuse(BoomError("it"))
    fine.answer(1)
    with pytest.raises(BoomError, match="it"):
        await joined


@virtual
async def test_join_takes_futures_of_this_runtime_only(system):
    with pytest.raises(TypeError, match="this runtime only"):
        ActorFuture(system).join(pykka.ThreadingFuture())


@virtual
async def test_a_failure_passes_through_the_combinators(system):
    future = ActorFuture(system)
    mapped = future.map(lambda _: 1).filter(bool)
    future.refuse(BoomError("it"))
    with pytest.raises(BoomError, match="it"):
        await mapped


@virtual
async def test_what_a_mapping_raises_belongs_to_the_mapped_future(system):
    future = ActorFuture(system)
    mapped = future.map(lambda value: value["missing"])
    future.set({})
    with pytest.raises(KeyError):
        await mapped
    assert await future == {}


@virtual
async def test_combinators_of_a_reply_that_was_given_up_are_given_up_too(system):
    future = ActorFuture(system)
    mapped = future.map(str)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await future
    with pytest.raises(asyncio.CancelledError):
        await mapped


@threaded
async def test_combinators_work_from_other_threads(system):
    ref = system.spawn(Echo, name="a")

    def work():
        futures = [ref.ask(number, block=False) for number in range(10)]
        return futures[0].join(*futures[1:]).map(functools.partial(sum)).get()

    assert await in_threads(work) == [45]


@virtual
async def test_get_hooks_are_not_supported(system):
    with pytest.raises(NotImplementedError, match="use map"):
        ActorFuture[int](system).set_get_hook(lambda timeout: 1)


@virtual
async def test_get_all_collects_what_is_there(system):
    ref = system.spawn(Echo, name="a")
    futures = [ref.ask(number, block=False) for number in range(3)]
    await settle()
    assert pykka.get_all(futures) == [0, 1, 2]


@virtual
async def test_a_stop_iteration_in_a_handler_reaches_the_asker_as_an_error(system):
    future = ActorFuture(system)
    future.refuse(StopIteration("end"))
    with pytest.raises(RuntimeError, match="StopIteration in a handler: end"):
        await future


@virtual
async def test_an_error_nobody_waits_for_is_no_warning(system):
    future = ActorFuture(system)
    future.refuse(BoomError())
    assert repr(future) == "<ActorFuture answered>"
    del future
