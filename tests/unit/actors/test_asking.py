"""Every ask is answered exactly once, in time or with a timeout, also when it races a stop or a crash."""

import asyncio
import random
import sys

import pytest

from aegispay.actors import ActorCrashedError, ActorDeadError, AskTimeoutError
from tests.unit.actors.rig import (
    BoomError,
    Crash,
    Echo,
    Recorder,
    Say,
    Work,
    elapse,
    in_threads,
    settle,
    threaded,
    virtual,
)


@virtual
async def test_an_ask_that_waits_beyond_its_deadline_is_answered_then_and_not_handled(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Work(10))
    late = ref.ask(Say("late"), block=False, timeout=3)
    with pytest.raises(AskTimeoutError, match=r"^Recorder \(a\) did not answer Say in time$"):
        await late
    assert system.loop.time() == 3
    await elapse(20)
    assert diary == ["worked"]


@virtual
async def test_a_turn_that_takes_too_long_is_answered_with_a_timeout_and_goes_on(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    with pytest.raises(AskTimeoutError):
        await ref.ask(Work(10), block=False, timeout=3)
    await elapse(10)
    assert diary == ["worked"]


@virtual
async def test_an_ask_that_names_no_timeout_has_the_systems(system):
    ref = system.spawn(Recorder, name="a")
    with pytest.raises(AskTimeoutError):
        await ref.ask(Work(100), block=False)
    assert system.loop.time() == system.ask_timeout_s == 30


@virtual
async def test_an_expired_message_is_not_handled_even_before_its_timer_has_run(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    late = ref.ask(Say("late"), block=False, timeout=5)
    system.loop.advance(6)  # as after a long blocking call: the time is over, no timer has run
    await asyncio.sleep(0)
    with pytest.raises(AskTimeoutError):
        late.get()
    assert diary == []


@virtual
async def test_many_asks_end_each_at_its_own_deadline(system):
    ref = system.spawn(Recorder, name="a")
    ref.tell(Work(1_000))
    source = random.Random(7)
    timeouts = [source.uniform(0.1, 50) for _ in range(1_000)]
    ended = {}

    async def ask(timeout_s):
        with pytest.raises(AskTimeoutError):
            await ref.ask(Say("x"), block=False, timeout=timeout_s)
        ended[timeout_s] = system.loop.time()

    await asyncio.gather(*map(ask, timeouts))
    assert ended == {timeout: pytest.approx(timeout, abs=1e-9) for timeout in timeouts}


@virtual
async def test_answered_asks_are_not_kept_until_their_deadline(system):
    ref = system.spawn(Echo, name="a")
    for _ in range(5_000):
        await ref.ask("hi", block=False, timeout=3_600)
    assert len(system.deadlines) <= 257


@virtual
async def test_an_await_that_is_cancelled_withdraws_a_message_that_has_not_begun(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Work(10))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await ref.ask(Say("withdrawn"), block=False)
    await elapse(20)
    assert diary == ["worked"]


@virtual
async def test_an_await_that_is_cancelled_does_not_stop_a_turn_that_has_begun(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await ref.ask(Work(10), block=False)
    await elapse(20)
    assert diary == ["worked"]


@virtual
async def test_an_ask_to_a_dead_actor_is_answered_through_its_future(system):
    ref = system.spawn(Echo, name="a")
    await system.stop(ref)
    refused = ref.ask("hi", block=False)
    with pytest.raises(ActorDeadError, match=r"^Echo \(a\) not found$"):
        await refused


@virtual
async def test_a_tell_to_a_dead_actor_raises(system):
    ref = system.spawn(Echo, name="a")
    await system.stop(ref)
    with pytest.raises(ActorDeadError, match=r"^Echo \(a\) not found$"):
        ref.tell("hi")


@virtual
async def test_asks_behind_a_stop_are_answered_that_it_ended(system):
    ref = system.spawn(Echo, name="a")
    before = ref.ask("before", block=False)
    stopping = ref.stop(block=False)
    after = [ref.ask("after", block=False) for _ in range(20)]
    assert await before == "before"
    assert await stopping is True
    for each in after:
        with pytest.raises(ActorDeadError, match=r"^Echo \(a\) ended before it handled str$"):
            await each


@virtual
async def test_every_ask_around_a_crash_is_answered(system):
    ref = system.spawn(Recorder, name="a")
    asks = [ref.ask(Say("fine"), block=False), ref.ask(Crash(BoomError()), block=False)]
    asks += [ref.ask(Say("behind"), block=False) for _ in range(5)]
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, ActorCrashedError, *[ActorDeadError] * 5]


@threaded
async def test_no_ask_is_lost_in_two_thousand_races_of_threads_with_a_stop(system):
    """pykka loses some: an ask that saw the actor alive is put into an inbox nobody empties any more."""
    trials, threads, asks = 2_000, 4, 5
    answers = []
    refs = [system.spawn(Echo, name=str(trial)) for trial in range(trials)]

    def race():
        for ref in refs:
            futures = [ref.ask("hi", block=False, timeout=50) for _ in range(asks)]
            ref.stop(block=False)
            futures += [ref.ask("hi", block=False, timeout=50) for _ in range(asks)]
            answers.extend(answer(future) for future in futures)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        await in_threads(*[race] * threads)
    finally:
        sys.setswitchinterval(interval)
    assert len(answers) == trials * threads * asks * 2
    assert set(answers) == {"hi", "dead"}


def answer(future):
    try:
        return future.get(timeout=50)
    except ActorDeadError:
        return "dead"


@virtual
async def test_a_stop_is_carried_out_although_nobody_waits_for_it_any_more(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Work(10))
    with pytest.raises(AskTimeoutError):
        await ref.stop(block=False, timeout=1)
    await elapse(10)
    await settle()
    assert not ref.is_alive()
    assert diary == ["worked", "stopped"]
