"""Timers are messages: keyed, ahead of user mail, and gone with the instance that started them."""

from aegispay.actors import Actor, current_trace
from tests.unit.actors.rig import BoomError, Boss, Crash, Recorder, Say, Work, elapse, settle, virtual


class Keeper(Recorder):
    """Starts and cancels timers as told."""

    async def on_receive(self, message):
        match message:
            case ("start", key, text, delay_s):
                self.timers.start(key, Say(text), delay_s)
            case ("cancel", key):
                self.timers.cancel(key)
            case "running":
                return len(self.timers)
            case _:
                return await super().on_receive(message)
        return None


def keeper(system, diary, **options):
    return system.spawn(lambda: Keeper(diary), name="a", **options)


@virtual
async def test_a_timer_arrives_as_a_message_after_its_delay(system):
    diary = []
    ref = keeper(system, diary)
    ref.tell(("start", "k", "ding", 5))
    await elapse(4.99)
    assert diary == []
    await elapse(0.02)
    assert diary == ["ding"]
    assert await ref.ask("running", block=False) == 0


@virtual
async def test_a_timer_of_the_same_key_replaces_the_one_before(system):
    diary = []
    ref = keeper(system, diary)
    ref.tell(("start", "k", "first", 5))
    ref.tell(("start", "k", "second", 7))
    ref.tell(("start", "other", "third", 6))
    await elapse(10)
    assert diary == ["third", "second"]


@virtual
async def test_a_cancelled_timer_does_not_arrive(system):
    diary = []
    ref = keeper(system, diary)
    ref.tell(("start", "k", "ding", 5))
    ref.tell(("cancel", "k"))
    ref.tell(("cancel", "never started"))
    await elapse(10)
    assert diary == []


@virtual
async def test_a_timer_passes_ahead_of_user_mail(system):
    diary = []
    ref = keeper(system, diary)
    ref.tell(("start", "k", "ding", 1))
    ref.tell(Work(2))
    for text in "xyz":
        ref.tell(Say(text))
    await elapse(3)
    assert diary == ["worked", "ding", "x", "y", "z"]


@virtual
async def test_cancelling_reaches_a_message_that_waits_already(system):
    diary = []

    class Cancels(Keeper):
        async def on_receive(self, message):
            if message == "work and cancel":
                await elapse(2)
                self.timers.cancel("k")
                return None
            return await super().on_receive(message)

    ref = system.spawn(lambda: Cancels(diary), name="a")
    ref.tell(("start", "k", "ding", 1))
    ref.tell("work and cancel")
    await elapse(5)
    assert diary == []


@virtual
async def test_replacing_reaches_a_message_that_waits_already(system):
    diary = []

    class Replaces(Keeper):
        async def on_receive(self, message):
            if message == "work and replace":
                await elapse(2)
                self.timers.start("k", Say("second"), 1)
                return None
            return await super().on_receive(message)

    ref = system.spawn(lambda: Replaces(diary), name="a")
    ref.tell(("start", "k", "first", 1))
    ref.tell("work and replace")
    await elapse(5)
    assert diary == ["second"]


@virtual
async def test_running_timers_end_with_the_instance(system):
    diary = []
    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = keeper(system, diary, supervisor=boss)
    ref.tell(("start", "k", "ding", 5))
    ref.tell(Crash(BoomError()))
    await settle()
    system.restart(ref)
    await elapse(10)
    assert diary == ["failed BoomError"]
    assert await ref.ask("running", block=False) == 0


@virtual
async def test_a_timers_message_that_waits_ends_with_the_instance_too(system):
    diary = []

    class LateCrash(Keeper):
        async def on_receive(self, message):
            if message == "work and crash":
                await elapse(2)
                raise BoomError
            return await super().on_receive(message)

    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(lambda: LateCrash(diary), name="a", supervisor=boss)
    ref.tell(("start", "k", "ding", 1))
    ref.tell("work and crash")
    await elapse(3)
    system.restart(ref)
    await elapse(3)
    assert diary == ["failed BoomError"]
    assert [letter.message_type for letter in system.dead_letters.latest()] == ["str"]


@virtual
async def test_an_ended_actor_leaves_no_timer_behind(system):
    diary = []
    ref = keeper(system, diary)
    ref.tell(("start", "k", "ding", 5))
    await settle()
    await system.stop(ref)
    await elapse(10)
    assert diary == ["stopped"]
    assert system.dead_letters.count == 0


@virtual
async def test_a_timer_keeps_the_trace_of_the_turn_that_started_it(system):
    seen = []

    class Traced(Actor):
        def on_receive(self, message):
            if message == "start":
                self.timers.start("k", "ding", 1)
            else:
                seen.append(current_trace.get())

    ref = system.spawn(Traced, name="a")
    current_trace.set("t1")
    ref.tell("start")
    await elapse(2)
    assert seen == ["t1"]
