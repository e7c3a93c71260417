"""A declared refusal is a reply; anything else is a crash, under ask and tell alike."""

import logging

import pytest

from aegispay.actors import (
    Actor,
    ActorCrashedError,
    ActorDeadError,
    ChildCrashed,
    ChildStopped,
    Phase,
    Refusal,
    StopReason,
    UnknownMessageError,
)
from tests.unit.actors.rig import BoomError, Boss, Crash, Echo, Recorder, Say, elapse, settle, virtual


@virtual
async def test_a_refusal_is_the_reply_and_the_actor_lives_on(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    with pytest.raises(Refusal, match=r"^no$"):
        await ref.ask("refuse", block=False)
    assert await ref.ask("count", block=False) == 0
    assert system.stats().crashes == 0


@virtual
async def test_a_refusal_nobody_asked_for_is_counted(system):
    ref = system.spawn(Recorder, name="a")
    ref.tell("refuse")
    await settle()
    assert ref.is_alive()
    assert system.stats().refused == 1


@virtual
async def test_a_message_the_actor_does_not_know_is_refused_by_type(system):
    ref = system.spawn(Recorder, name="a")
    with pytest.raises(UnknownMessageError, match=r"^Recorder \(a\) does not understand dict$"):
        await ref.ask({"secret": 1}, block=False)


@virtual
async def test_a_crash_under_ask_ends_an_actor_without_supervisor_and_tells_the_asker(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    error = BoomError("secret")
    with pytest.raises(
        ActorCrashedError, match=r"^Recorder \(a\) crashed with BoomError while handling Crash$"
    ) as caught:
        await ref.ask(Crash(error), block=False)
    assert caught.value.__cause__ is error
    assert caught.value.outcome == "unknown"
    assert not ref.is_alive()
    assert diary == ["failed BoomError"]


@virtual
async def test_a_crash_under_tell_does_the_same_and_its_message_is_a_dead_letter(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    ref.tell(Crash(BoomError("secret")))
    await settle()
    assert not ref.is_alive()
    assert diary == ["failed BoomError"]
    (letter,) = system.dead_letters.latest()
    assert (letter.message_type, letter.target, letter.reason) == (
        "Crash",
        "Recorder (a)",
        "it crashed the actor: BoomError",
    )


@virtual
async def test_mail_behind_a_last_crash_is_answered_or_becomes_a_dead_letter(system):
    ref = system.spawn(Recorder, name="a")
    ref.tell(Crash(BoomError()))
    ref.tell(Say("lost"))
    waiting = ref.ask(Say("lost"), block=False)
    with pytest.raises(ActorDeadError, match=r"^Recorder \(a\) ended before it handled Say$"):
        await waiting
    assert [letter.message_type for letter in system.dead_letters.latest()] == ["Crash", "Say"]


@virtual
async def test_a_supervisor_is_told_what_crashed_and_over_which_type(system):
    told = []
    boss = system.spawn(lambda: Boss(told), name="boss")
    ref = system.spawn(Recorder, name="a", supervisor=boss)
    error = BoomError()
    ref.tell(Crash(error))
    await settle()
    assert told == [ChildCrashed(ref, error, "Crash", Phase.MESSAGE)]
    assert ref.is_alive()


@virtual
async def test_a_supervisor_that_has_ended_decides_nothing_any_more(system):
    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Recorder, name="a", supervisor=boss)
    await system.stop(boss)
    ref.tell(Crash(BoomError()))
    await settle()
    assert not ref.is_alive()


@virtual
async def test_a_supervisor_that_ends_during_the_failure_hook_leaves_no_child_waiting(system):
    class Slow(Recorder):
        async def on_failure(self, kind, error, traceback):
            await elapse(1)

    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Slow, name="a", supervisor=boss)
    ref.tell(Crash(BoomError()))
    await settle()
    await system.stop(boss)
    await elapse(2)
    assert not ref.is_alive()


@virtual
async def test_children_that_wait_for_a_verdict_end_with_their_supervisor(system):
    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Recorder, name="a", supervisor=boss)
    ref.tell(Crash(BoomError()))
    waiting = ref.ask(Say("hi"), block=False)
    await settle()
    await system.stop(boss)
    with pytest.raises(ActorDeadError):
        await waiting
    assert system.stats().actors == 0


@virtual
async def test_the_failure_hook_may_be_async_and_comes_before_the_answer(system):
    order = []

    class Careful(Recorder):
        async def on_failure(self, kind, error, traceback):
            await elapse(1)
            order.append("hook")

    ref = system.spawn(Careful, name="a")
    with pytest.raises(ActorCrashedError):
        await ref.ask(Crash(BoomError()), block=False)
    order.append("answer")
    assert order == ["hook", "answer"]


@virtual
async def test_a_failing_failure_hook_changes_nothing(system, caplog):
    class Clumsy(Recorder):
        def on_failure(self, kind, error, traceback):
            raise ValueError("secret")

    ref = system.spawn(Clumsy, name="a")
    with caplog.at_level(logging.ERROR, logger="pykka"), pytest.raises(ActorCrashedError, match="BoomError"):
        await ref.ask(Crash(BoomError()), block=False)
    assert not ref.is_alive()
    assert "Clumsy (a) crashed with ValueError" in caplog.text
    assert "secret" not in caplog.text


@virtual
async def test_a_crash_nobody_supervises_is_logged_with_its_place_and_without_its_text(system, caplog):
    ref = system.spawn(Recorder, name="a")
    with caplog.at_level(logging.ERROR, logger="pykka"):
        ref.tell(Crash(BoomError("secret")))
        await settle()
    assert "Recorder (a) crashed with BoomError at " in caplog.text
    assert "rig.py:" in caplog.text
    assert "secret" not in caplog.text


class StartsBadly(Echo):
    def on_start(self):
        raise BoomError("secret")


@virtual
async def test_a_failing_start_hook_is_raised_to_who_waits_for_the_start(system):
    ref = system.spawn(StartsBadly, name="a")
    with pytest.raises(BoomError):
        await system.started(ref)
    assert not ref.is_alive()


@virtual
async def test_an_ask_to_an_actor_whose_start_hook_fails_is_answered(system):
    ref = system.spawn(StartsBadly, name="a")
    with pytest.raises(ActorDeadError):
        await ref.ask("hi", block=False)


class CannotBeMade(Actor):
    def __init__(self):
        super().__init__()
        raise BoomError("secret")


@virtual
async def test_a_failing_constructor_is_raised_where_the_actor_was_started_and_leaves_nothing(system):
    with pytest.raises(BoomError):
        system.spawn(CannotBeMade, name="a")
    assert system.find("a") is None
    assert system.stats().actors == 0
    system.spawn(Echo, name="a")


@virtual
async def test_a_failing_constructor_of_a_supervised_actor_is_a_crash_at_start(system):
    told = []
    boss = system.spawn(lambda: Boss(told), name="boss")
    ref = system.spawn(CannotBeMade, name="a", supervisor=boss)
    with pytest.raises(BoomError):
        await system.started(ref)
    await settle()
    (crash,) = told
    assert (crash.ref, crash.phase, crash.message_type) == (ref, Phase.START, "")
    assert str(ref) == "CannotBeMade (a)"


@virtual
async def test_mail_to_an_actor_whose_constructor_failed_waits_for_the_next_instance(system):
    attempts = []

    class SecondTime(Echo):
        def __init__(self):
            super().__init__()
            attempts.append(1)
            if len(attempts) == 1:
                raise BoomError

    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(SecondTime, name="a", supervisor=boss)
    waiting = ref.ask("hi", block=False)
    await settle()
    system.restart(ref)
    assert await waiting == "hi"


@virtual
async def test_a_constructor_that_forgets_its_superclass_is_told_so(system):
    class Forgets(Actor):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match=r"the factory of a returned a Forgets .* has to call super\(\).__init__\(\)"):
        system.spawn(Forgets, name="a")


@virtual
async def test_a_factory_that_makes_no_actor_is_told_so(system):
    with pytest.raises(TypeError, match="the factory of a returned a int that is no new actor"):
        system.spawn(lambda: 17, name="a")


@virtual
async def test_a_class_is_not_called_by_hand(system):
    with pytest.raises(RuntimeError, match=r"start actors with ActorSystem\.spawn or the class's start\(\)"):
        Echo()


@virtual
async def test_a_constructor_does_not_call_another_actors_class_by_hand(system):
    class Nested(Actor):
        def __init__(self):
            super().__init__()
            self.inner = Echo()

    with pytest.raises(RuntimeError, match=r"start actors with ActorSystem\.spawn"):
        system.spawn(Nested, name="a")


@virtual
async def test_a_crashing_stop_hook_ends_the_actor_as_crashed(system):
    told = []

    class EndsBadly(Echo):
        def on_stop(self):
            raise BoomError("secret")

    boss = system.spawn(lambda: Boss(told), name="boss")
    ref = system.spawn(EndsBadly, name="a", supervisor=boss)
    assert await ref.stop(block=False) is True
    await settle()
    assert told == [ChildStopped(ref, StopReason.CRASHED)]
