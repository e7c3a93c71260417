"""One message at a time, awaits included; a turn's troubles and context are its own."""

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from aegispay.actors import Actor, ActorCrashedError, ActorSystem, current_trace
from tests.unit.actors.rig import BoomError, Boss, Crash, Echo, Recorder, Say, Work, elapse, settle, virtual


@virtual
async def test_a_turn_ends_before_the_next_begins_awaits_included(system):
    log = []

    class Slow(Actor):
        async def on_receive(self, message):
            log.append(f"{message} begins")
            await elapse(1)
            log.append(f"{message} ends")

    ref = system.spawn(Slow, name="a")
    ref.tell("1")
    ref.tell("2")
    await elapse(3)
    assert log == ["1 begins", "1 ends", "2 begins", "2 ends"]


@virtual
async def test_handlers_may_be_sync_or_async(system):
    class Async(Actor):
        async def on_receive(self, message):
            return message

    assert await system.spawn(Echo, name="sync").ask(1, block=False) == 1
    assert await system.spawn(Async, name="async").ask(2, block=False) == 2


@virtual
async def test_a_message_is_not_handled_inside_its_senders_turn(system):
    log = []

    class Receiver(Actor):
        def on_receive(self, message):
            log.append("handled")

    receiver = system.spawn(Receiver, name="receiver")

    class Sender(Actor):
        def on_receive(self, message):
            receiver.tell("x")
            log.append("sent")

    system.spawn(Sender, name="sender").tell("go")
    await settle()
    assert log == ["sent", "handled"]


@virtual
async def test_an_idle_actor_has_no_task(system):
    ref = system.spawn(Echo, name="a")
    await ref.ask("hi", block=False)
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_two_busy_actors_take_turns_of_sixteen_messages(system):
    log = []

    class Noisy(Actor):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def on_receive(self, message):
            log.append(self.name)

    refs = [system.spawn(lambda name=name: Noisy(name), name=name) for name in "ab"]
    for ref in refs:
        for _ in range(48):
            ref.tell("x")
    await settle()
    assert "".join(log) == ("a" * 16 + "b" * 16) * 3


@virtual
async def test_the_trace_of_each_sender_arrives_with_its_message(system):
    """The context of who woke the actor is none of the later senders' business."""
    seen = []

    class Traced(Actor):
        async def on_receive(self, message):
            await asyncio.sleep(0)
            seen.append((message, current_trace.get()))

    ref = system.spawn(Traced, name="a")

    async def send(name):
        current_trace.set(f"trace of {name}")
        ref.tell(name)

    await asyncio.gather(*(asyncio.create_task(send(name)) for name in ("one", "two", "three")))
    ref.tell("nobody")
    await settle()
    assert seen == [(name, f"trace of {name}") for name in ("one", "two", "three")] + [("nobody", None)]


@virtual
async def test_a_trace_goes_on_through_the_actors_that_a_message_passes(system):
    seen = []

    class Last(Actor):
        def on_receive(self, message):
            seen.append(current_trace.get())

    last = system.spawn(Last, name="last")

    class First(Actor):
        def on_receive(self, message):
            last.tell(message)

    first = system.spawn(First, name="first")
    current_trace.set("t1")
    first.tell("x")
    await settle()
    assert seen == ["t1"]


@virtual
async def test_a_turn_that_waits_for_something_cancelled_ends_alone(system):
    class Waits(Recorder):
        async def on_receive(self, message):
            if message == "wait":
                never = asyncio.get_running_loop().create_future()
                never.cancel()
                await never
            return await super().on_receive(message)

    diary = []
    ref = system.spawn(lambda: Waits(diary), name="a")
    with pytest.raises(ActorCrashedError, match="CancelledError while handling str"):
        await ref.ask("wait", block=False)
    assert await ref.ask(Say("still here"), block=False) == "still here"
    assert diary == ["still here"]
    assert system.stats().crashes == 0


@virtual
async def test_a_cancelled_turn_nobody_asked_for_is_a_dead_letter(system):
    class Waits(Actor):
        async def on_receive(self, message):
            raise asyncio.CancelledError

    ref = system.spawn(Waits, name="a")
    ref.tell("wait")
    await settle()
    assert [letter.reason for letter in system.dead_letters.latest()] == ["its turn was cancelled"]
    assert ref.is_alive()


@virtual
async def test_cancelling_every_task_from_outside_ends_turns_but_no_actor(system):
    ref = system.spawn(Recorder, name="a")
    working = ref.ask(Work(10), block=False)
    await settle()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(ActorCrashedError, match="CancelledError"):
        await working
    assert await ref.ask(Say("hi"), block=False) == "hi"


class CustomBaseError(BaseException):
    """Not an `Exception`, as test frameworks like them."""


@virtual
async def test_a_base_exception_crashes_its_own_actor_only(system):
    bystanders = [system.spawn(Echo, name=str(number)) for number in range(3)]
    ref = system.spawn(Recorder, name="a")
    with pytest.raises(ActorCrashedError, match="CustomBaseError"):
        await ref.ask(Crash(CustomBaseError()), block=False)
    assert not ref.is_alive()
    assert [await each.ask("hi", block=False) for each in bystanders] == ["hi"] * 3


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_ends_the_loop_and_leaves_every_actor_answered_and_alive(kind):
    """pykka would stop all actors, blocking; the ask would never be answered."""
    state: dict[str, Any] = {}

    async def main():
        system = state["system"] = ActorSystem()
        state["bystander"] = system.spawn(Echo, name="bystander")
        ref = system.spawn(Recorder, name="a")
        state["asked"] = ref.ask(Crash(kind()), block=False)
        await state["asked"]

    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    with pytest.raises(kind):
        loop.run_until_complete(task)
    with pytest.raises(ActorCrashedError, match=kind.__name__):
        loop.run_until_complete(task)
    assert state["bystander"].is_alive()
    assert loop.run_until_complete(wait_for(state["bystander"].ask("hi", block=False))) == "hi"
    loop.close()


async def wait_for(future):
    return await future


@virtual
async def test_the_mail_behind_a_crash_waits_for_the_next_instance(system):
    diary = []
    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(lambda: Recorder(diary), name="a", supervisor=boss)
    ref.tell(Crash(BoomError()))
    waiting = ref.ask(Say("hi"), block=False)
    await settle()
    assert diary == ["failed BoomError"]
    system.restart(ref)
    assert await waiting == "hi"
    assert ref.cell.incarnation == 1


@virtual
async def test_a_crash_as_the_sixteenth_message_is_restarted_like_any_other(system):
    """The slice ends with the crash: the restart comes while the old drain is still leaving."""

    class Hasty(Boss):
        def on_receive(self, message):
            self.system.restart(message.ref)

    diary = []
    boss = system.spawn(lambda: Hasty([]), name="boss")
    for place in range(34):
        ref = system.spawn(lambda: Recorder(diary), name=f"a{place}", supervisor=boss)
        for _ in range(place):
            ref.tell(Say("x"))
        ref.tell(Crash(BoomError()))
        assert await ref.ask(Say("alive"), block=False) == "alive"


some_variable: ContextVar[str] = ContextVar("some_variable", default="unset")


@virtual
async def test_other_context_variables_of_a_sender_do_not_reach_the_actor(system):
    class Looks(Actor):
        def on_receive(self, message):
            return some_variable.get()

    ref = system.spawn(Looks, name="a")
    some_variable.set("private")
    assert await ref.ask("look", block=False) == "unset"


@virtual
async def test_a_cancellation_is_not_left_on_the_task_of_later_turns(system):
    class Looks(Recorder):
        async def on_receive(self, message):
            if message == "look":
                return asyncio.current_task().cancelling()
            return await super().on_receive(message)

    ref = system.spawn(Looks, name="a")
    working, looking = ref.ask(Work(10), block=False), ref.ask("look", block=False)
    await settle()
    (turn,) = asyncio.all_tasks() - {asyncio.current_task()}
    turn.cancel()
    with pytest.raises(ActorCrashedError):
        await working
    assert await looking == 0
