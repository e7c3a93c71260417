"""Stopping, suspending and restarting: after the turn, ahead of the mail, and in bounded time."""

import asyncio

import pytest

from aegispay.actors import Actor, ActorCrashedError, ActorDeadError, AskCycleError, StopReason
from tests.unit.actors.rig import BoomError, Boss, Crash, Echo, Recorder, Say, Work, elapse, settle, virtual


class Stubborn(Actor):
    """Does not let itself be cancelled."""

    async def on_receive(self, message):
        while True:
            try:
                await elapse(message)
            except asyncio.CancelledError:
                continue
            return "done"


@virtual
async def test_a_systems_stop_waits_for_the_turn_and_passes_ahead_of_the_mail(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Work(2))
    ref.tell(Say("never"))
    await settle()
    assert await system.stop(ref) is True
    assert diary == ["worked", "stopped"]
    assert [letter.message_type for letter in system.dead_letters.latest()] == ["Say"]


@virtual
async def test_a_turn_that_outlasts_the_limit_is_abandoned_and_its_asker_told(system):
    ref = system.spawn(Recorder, name="a")
    working = ref.ask(Work(100), block=False)
    await settle()
    assert await system.stop(ref, timeout_s=3) is False
    assert system.loop.time() == 3
    with pytest.raises(ActorDeadError, match=r"^Recorder \(a\) was abandoned while it handled Work$"):
        await working
    assert system.stats().actors == 0


@virtual
async def test_an_abandoned_tell_is_a_dead_letter(system):
    ref = system.spawn(Recorder, name="a")
    ref.tell(Work(100))
    await settle()
    await system.stop(ref, timeout_s=3)
    assert [letter.reason for letter in system.dead_letters.latest()] == ["the actor was abandoned while it handled it"]


@virtual
async def test_what_an_abandoned_turn_still_does_changes_nothing(system):
    ref = system.spawn(Stubborn, name="a")
    working = ref.ask(5, block=False)
    await settle()
    await system.stop(ref, timeout_s=1)
    other = system.spawn(Echo, name="a")
    await elapse(20)
    assert system.find("a") is other
    assert system.stats().actors == 1
    with pytest.raises(ActorDeadError):
        await working


@virtual
async def test_an_abandoned_turn_that_raises_at_its_cancellation_crashes_nobody(system, caplog):
    class Sore(Actor):
        async def on_receive(self, message):
            try:
                await elapse(100)
            finally:
                raise BoomError

    told = []
    boss = system.spawn(lambda: Boss(told), name="boss")
    ref = system.spawn(Sore, name="a", supervisor=boss)
    ref.tell("x")
    await settle()
    await system.stop(ref, timeout_s=1)
    await settle()
    assert not ref.is_alive()
    assert [type(each).__name__ for each in told] == ["ChildStopped"]
    assert system.stats().crashes == 0
    assert "Sore (a) crashed with BoomError" in caplog.text


@virtual
async def test_a_stop_hook_that_outlasts_the_limit_is_abandoned(system):
    class Lingers(Echo):
        async def on_stop(self):
            await elapse(100)

    ref = system.spawn(Lingers, name="a")
    assert await system.stop(ref, timeout_s=3) is False
    assert not ref.is_alive()
    assert system.loop.time() == 3


@virtual
async def test_an_actor_that_crashes_on_its_way_out_does_not_wait_for_a_verdict(system):
    class CrashesLate(Actor):
        async def on_receive(self, message):
            await elapse(2)
            raise BoomError

    told = []
    boss = system.spawn(lambda: Boss(told), name="boss")
    ref = system.spawn(CrashesLate, name="a", supervisor=boss)
    ref.tell("x")
    await settle()
    assert await system.stop(ref, timeout_s=10) is True
    assert system.loop.time() == 2
    await settle()
    assert [type(each).__name__ for each in told] == ["ChildStopped"]


@virtual
async def test_a_stop_during_the_failure_hook_waits_for_the_hook(system):
    order = []

    class Tidies(Recorder):
        async def on_failure(self, kind, error, traceback):
            await elapse(2)
            order.append("tidied")

    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Tidies, name="a", supervisor=boss)
    ref.tell(Crash(BoomError()))
    await elapse(1)
    assert await system.stop(ref, timeout_s=10) is True
    order.append("ended")
    assert order == ["tidied", "ended"]


@virtual
async def test_two_stops_at_once_both_hear_of_the_end(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    assert await asyncio.gather(system.stop(ref), system.stop(ref), ref.stop(block=False)) == [True, True, True]
    assert diary == ["stopped"]
    assert system.dead_letters.count == 0


@virtual
async def test_a_suspended_actor_keeps_its_mail_for_the_next_instance(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Say("1"))
    await system.suspend(ref)
    ref.tell(Say("2"))
    waiting = ref.ask(Say("3"), block=False)
    await elapse(5)
    assert diary == ["stopped"]
    assert ref.is_alive()
    system.restart(ref)
    assert await waiting == "3"
    assert diary == ["stopped", "1", "2", "3"]


@virtual
async def test_a_turn_that_outlasts_the_limit_is_cut_off_by_a_suspension(system):
    ref = system.spawn(Recorder, name="a")
    working = ref.ask(Work(100), block=False)
    await settle()
    await system.suspend(ref, timeout_s=2)
    assert system.loop.time() == 2
    with pytest.raises(ActorCrashedError, match="CancelledError while handling Work"):
        await working
    system.restart(ref)
    assert await ref.ask(Say("hi"), block=False) == "hi"
    await elapse(200)
    assert await ref.ask(Say("still"), block=False) == "still"


@virtual
async def test_a_turn_that_ignores_its_cancellation_never_runs_beside_the_next_instance(system):
    ref = system.spawn(Stubborn, name="a")
    ref.tell(50)
    await settle()
    await system.suspend(ref, timeout_s=2)
    system.restart(ref)
    assert await ref.ask(0, block=False) == "done"
    await elapse(100)
    assert await ref.ask(0, block=False) == "done"
    assert ref.cell.incarnation == 1


@virtual
async def test_a_cut_off_turn_that_ends_later_takes_no_mail_from_the_next_instance(system):
    ref = system.spawn(Stubborn, name="a")
    ref.tell(10)
    await settle()
    await system.suspend(ref, timeout_s=2)
    system.restart(ref)
    first, second = ref.ask(20, block=False), ref.ask(0, block=False)
    await elapse(15)  # the old turn has ended, the new one has not
    assert not second.reply.done()
    assert [await first, await second] == ["done", "done"]


@virtual
async def test_a_stop_hook_that_waits_for_something_cancelled_ends_the_actor_all_the_same(system):
    class Waits(Echo):
        async def on_stop(self):
            raise asyncio.CancelledError

    ref = system.spawn(Waits, name="a")
    assert await system.stop(ref, timeout_s=5) is True
    assert not ref.is_alive()
    assert system.loop.time() == 0


@virtual
async def test_a_stop_hook_that_outlasts_the_limit_is_cut_off_by_a_suspension(system):
    class Lingers(Echo):
        async def on_stop(self):
            await elapse(100)

    ref = system.spawn(Lingers, name="a")
    await system.suspend(ref, timeout_s=2)
    assert system.loop.time() == 2
    system.restart(ref)
    assert await ref.ask("hi", block=False) == "hi"
    await system.stop(ref, timeout_s=1)


@virtual
async def test_a_restart_replaces_a_healthy_instance_after_its_turn(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Work(1))
    ref.tell(Say("next"))
    await settle()
    system.restart(ref)
    await elapse(2)
    assert diary == ["worked", "stopped", "next"]
    assert ref.cell.incarnation == 1


@virtual
async def test_an_actor_that_is_restarted_and_stopped_in_one_breath_stays_stopped(system):
    made = []

    class Counted(Echo):
        def __init__(self):
            super().__init__()
            made.append(1)

    ref = system.spawn(Counted, name="a")
    await system.suspend(ref)
    system.restart(ref)
    assert await system.stop(ref) is True
    await settle()
    assert ref.cell.state.value == "stopped"
    assert made == [1]
    assert system.stats().actors == 0


@virtual
async def test_a_restart_during_the_failure_hook_comes_after_it(system):
    class Tidies(Recorder):
        async def on_failure(self, kind, error, traceback):
            await elapse(5)

    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Tidies, name="a", supervisor=boss)
    ref.tell(Crash(BoomError()))
    await elapse(1)
    system.restart(ref)
    assert await ref.ask(Say("hi"), block=False, timeout=20) == "hi"
    assert system.loop.time() == 5


@virtual
async def test_a_hanging_start_hook_is_abandoned_in_time_and_told_to_who_waits_for_it(system):
    class Never(Echo):
        async def on_start(self):
            await elapse(1_000)

    ref = system.spawn(Never, name="a")
    starting = asyncio.ensure_future(system.started(ref))
    await settle()
    assert await system.stop(ref, timeout_s=1) is False
    with pytest.raises(ActorDeadError):
        await starting


@virtual
async def test_an_actor_stops_itself_after_the_mail_that_waits(system):
    diary = []

    class Quits(Recorder):
        async def on_receive(self, message):
            if message == "quit":
                self.stop()
                return None
            return await super().on_receive(message)

    ref = system.spawn(lambda: Quits(diary), name="a")
    ref.tell("quit")
    ref.tell(Say("before the end"))
    await settle()
    assert diary == ["before the end", "stopped"]
    assert not ref.is_alive()


@virtual
async def test_the_reason_of_a_pykka_stop_is_normal(system):
    told = []
    boss = system.spawn(lambda: Boss(told), name="boss")
    ref = system.spawn(Echo, name="a", supervisor=boss)
    await ref.stop(block=False)
    await settle()
    assert [each.reason for each in told] == [StopReason.NORMAL]


@virtual
async def test_shutdown_ends_everybody_newest_first(system):
    diary = []

    class Named(Echo):
        def on_stop(self):
            diary.append(self.actor_urn)

    for name in "abc":
        system.spawn(Named, name=name)
    await system.shutdown()
    assert diary == ["c", "b", "a"]
    assert system.stats().actors == 0


@virtual
async def test_shutdown_is_over_in_time_although_an_actor_hangs(system):
    system.spawn(Stubborn, name="a").tell(1_000)
    system.spawn(Echo, name="b")
    await settle()
    await system.shutdown(timeout_s=3)
    assert system.loop.time() == 3
    assert system.stats().actors == 0


@virtual
async def test_a_child_that_asks_the_parent_that_stops_it_is_told_so_and_ends_at_once(system):
    seen = []

    class Parent(Actor):
        async def on_receive(self, message):
            if message == "stop the child":
                await self.system.stop(self.system.find("child"), timeout_s=60)

    class Child(Actor):
        async def on_stop(self):
            try:
                await self.system.find("parent").ask("bye", block=False)
            except AskCycleError as error:
                seen.append(str(error))

    parent = system.spawn(Parent, name="parent")
    system.spawn(Child, name="child")
    await parent.ask("stop the child", block=False)
    assert system.loop.time() == 0
    assert seen == ["str would deadlock: Child (child) asks Parent (parent) asks Child (child)"]
