"""One test for each place where pykka's behaviour surprises: what is kept here, and what is changed.

`docs/actors.md` has the same rows as a table and names these tests; a test below holds the two together.
"""

import asyncio
import gc
import re
from pathlib import Path

import pykka
import pytest

from aegispay.actors import (
    Actor,
    ActorCrashedError,
    ActorDeadError,
    AskCycleError,
    AskTimeoutError,
    UnknownMessageError,
)
from tests.unit.actors.rig import (
    BoomError,
    Boss,
    Crash,
    Echo,
    Recorder,
    Say,
    Work,
    elapse,
    in_thread,
    settle,
    threaded,
    virtual,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "actors.md"


class Account(Actor):
    """Leaves its state half changed when it fails."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def on_receive(self, message):
        if message == "total":
            return self.total
        self.total += 1
        raise BoomError


@virtual
async def test_01_changed_an_exception_under_ask_crashes_the_actor(system):
    """pykka answers the caller and lets the actor live on with whatever it had half changed."""
    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Account, name="a", supervisor=boss)
    with pytest.raises(ActorCrashedError):
        await ref.ask("add", block=False)
    system.restart(ref)
    assert await ref.ask("total", block=False) == 0


@virtual
async def test_02_changed_mail_behind_a_crash_is_never_lost_without_a_trace(system):
    """pykka answers queued asks and drops queued tells in silence."""
    ref = system.spawn(Recorder, name="a")
    ref.tell(Crash(BoomError()))
    ref.tell(Say("told"))
    asked = ref.ask(Say("asked"), block=False)
    with pytest.raises(ActorDeadError):
        await asked
    assert [letter.message_type for letter in system.dead_letters.latest()] == ["Crash", "Say"]


@virtual
async def test_03_changed_a_failing_start_hook_runs_on_failure_and_can_be_waited_for(system):
    """pykka has returned the ref by then, does not call `on_failure`, and leaves a dead actor."""
    diary = []

    class StartsBadly(Recorder):
        def on_start(self):
            raise BoomError

    ref = system.spawn(lambda: StartsBadly(diary), name="a")
    with pytest.raises(BoomError):
        await system.started(ref)
    assert diary == ["failed BoomError"]


class UnusualError(BaseException):
    """Not an `Exception`."""


@virtual
async def test_04_changed_a_base_exception_reaches_no_other_actor_and_is_answered(system):
    """pykka stops every actor of the process, and never answers the ask that raised it."""
    bystander, ref = system.spawn(Echo, name="bystander"), system.spawn(Recorder, name="a")
    with pytest.raises(ActorCrashedError):
        await ref.ask(Crash(UnusualError()), block=False)
    cancelled = system.spawn(Recorder, name="b")
    with pytest.raises(ActorCrashedError):
        await cancelled.ask(Crash(asyncio.CancelledError()), block=False)
    assert await bystander.ask("hi", block=False) == "hi"
    assert cancelled.is_alive()


@virtual
async def test_05_changed_awaiting_a_reply_leaves_the_loop_free(system):
    """pykka's ``await`` yields once and then blocks the loop until the reply is there."""
    ref, ticks = system.spawn(Recorder, name="a"), []

    async def tick():
        while True:
            await elapse(0.01)
            ticks.append(1)

    ticking = asyncio.create_task(tick())
    await ref.ask(Work(0.5), block=False)
    ticking.cancel()
    assert len(ticks) >= 49


@virtual
async def test_06_changed_combinators_run_when_the_reply_arrives_not_when_it_is_fetched(system):
    """pykka runs `map` and its like, and waits, in whoever calls `get`, each time anew."""
    calls = []

    def note(value):
        calls.append(value)
        return value

    mapped = system.spawn(Echo, name="a").ask("hi", block=False).map(note)
    await settle()
    assert calls == ["hi"]
    assert (mapped.get(), mapped.get()) == ("hi", "hi")
    assert calls == ["hi"]


@virtual
async def test_07_changed_a_message_whose_ask_timed_out_is_not_handled_later(system):
    """pykka leaves it in the inbox, and it is executed although its sender was told that it took too long."""
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Work(10))
    late = ref.ask(Say("late"), block=False, timeout=1)
    with pytest.raises(AskTimeoutError):
        await late
    await elapse(20)
    assert diary == ["worked"]


@virtual
async def test_08_changed_waiting_for_oneself_is_refused_at_once(system):
    """pykka deadlocks until the timeout, if there is one."""

    class Narcissus(Actor):
        async def on_receive(self, message):
            with pytest.raises(AskCycleError):
                await self.actor_ref.ask("hi", block=False)
            return "noticed"

    assert await system.spawn(Narcissus, name="a").ask("go", block=False) == "noticed"
    assert system.loop.time() == 0


@virtual
async def test_09_changed_an_async_handler_is_awaited(system):
    """pykka replies with the coroutine, which has not run."""

    class Async(Actor):
        async def on_receive(self, message):
            await elapse(1)
            return "done"

    assert await system.spawn(Async, name="a").ask("x", block=False) == "done"


@virtual
async def test_10_kept_a_refs_stop_comes_after_the_mail_and_a_systems_stop_before_it(system):
    """pykka has the first only."""
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Say("1"))
    await ref.stop(block=False)
    other = system.spawn(lambda: Recorder(diary), name="b")
    other.tell(Say("2"))
    await system.stop(other)
    assert diary == ["1", "stopped", "stopped"]


@virtual
async def test_11_changed_a_start_that_fails_leaves_nothing_registered(system):
    """pykka registers first: when no thread can be started, a ref stays that says it is alive and never answers."""

    class CannotBeMade(Actor):
        def __init__(self):
            super().__init__()
            raise BoomError

    with pytest.raises(BoomError):
        system.spawn(CannotBeMade, name="a", register=True)
    assert pykka.ActorRegistry.get_by_class(CannotBeMade) == []
    assert system.find("a") is None


@threaded
async def test_12_changed_an_ask_that_races_the_end_is_answered(system):
    """pykka loses it: the thread has seen the actor alive, and puts the message where nobody looks any more."""
    ref = system.spawn(Echo, name="a")
    on_its_way = in_thread(lambda: ref.ask("hi", block=False))  # sent while the loop stands still
    ref.cell.end("normal")
    with pytest.raises(ActorDeadError):
        await on_its_way


@virtual
async def test_13_changed_a_message_nobody_understands_is_refused(system):
    """pykka logs a warning and replies None, which looks like a success."""

    class Deaf(Actor):
        pass

    with pytest.raises(UnknownMessageError, match=r"Deaf \(a\) does not understand str"):
        await system.spawn(Deaf, name="a").ask("hi", block=False)


@virtual
async def test_14_changed_an_actor_lives_as_long_as_somebody_can_reach_it(system):
    """pykka's ref holds the actor weakly: only its thread keeps it alive."""
    ref = system.spawn(Echo, name="a")
    gc.collect()
    assert await ref.ask("hi", block=False) == "hi"


def test_the_document_has_a_row_for_each_of_these_tests_with_its_verdict():
    here = [name for name in globals() if re.match(r"test_\d\d_", name)]
    rows = re.findall(r"^\| (\d\d) \|.*\| (kept|changed) \| `(\w+)` \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert [name for _, _, name in rows] == here
    assert [f"test_{number}_{verdict}" for number, verdict, _ in rows] == [
        re.match(r"test_\d\d_(kept|changed)", name).group() for name in here
    ]
