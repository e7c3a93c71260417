from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import pytest

from aegispay.actors import Actor, ActorCrashedError, ActorSystem, AskTimeoutError
from aegispay.actors.directory import Directory
from aegispay.actors.messages import ControlMessage
from aegispay.supervision import ChildSpec, Supervisor
from aegispay.testing import run_virtual
from tests.integration.engine.rig import elapse


@dataclass(frozen=True)
class Urgent(ControlMessage):
    name: str


class Listener(Actor):
    def __init__(self, heard):
        super().__init__()
        self._heard = heard

    def on_receive(self, message):
        self._heard.append(message)
        return f"re {message}"


class Script:
    """Answers what it was told to for a message, and otherwise lets it through."""

    def __init__(self, arrivals=None, before=(), after=()):
        self._arrivals = arrivals or {}
        self._before, self._after = set(before), set(after)
        self.seen = []

    def arrivals(self, actor_class, name, message, *, is_asked):
        self.seen.append((actor_class.__name__, name, message, is_asked))
        return self._arrivals.get(message, (0.0,))

    def before_turn(self, _actor_class, _name, message):
        if message in self._before:
            self._before.discard(message)
            raise RuntimeError("before")

    def after_turn(self, _actor_class, _name, message):
        if message in self._after:
            self._after.discard(message)
            raise RuntimeError("after")


def told(script, *messages, wait_s=10.0):
    """Return what an actor heard that was told the messages."""

    async def run():
        heard = []
        system = ActorSystem(interception=script)
        ref = system.spawn(lambda: Listener(heard), name="listener")
        for message in messages:
            ref.tell(message)
        await elapse(wait_s)
        await system.shutdown()
        return heard

    return run_virtual(run())


def test_what_is_not_disturbed_arrives_once_and_in_order():
    script = Script()
    assert told(script, "a", "b") == ["a", "b"]
    assert script.seen == [("Listener", "listener", "a", False), ("Listener", "listener", "b", False)]


def test_a_delayed_message_arrives_after_later_ones():
    assert told(Script({"a": (3.0,)}), "a", "b") == ["b", "a"]


def test_a_duplicated_message_arrives_twice():
    assert told(Script({"a": (0.0, 3.0)}), "a", "b") == ["a", "b", "a"]


def test_a_lost_message_never_arrives():
    assert told(Script({"a": ()}), "a", "b") == ["b"]


def test_an_ask_whose_message_comes_twice_is_answered_once():
    async def run():
        heard = []
        system = ActorSystem(interception=Script({"a": (1.0, 2.0)}))
        ref = system.spawn(lambda: Listener(heard), name="listener")
        assert await ref.ask("a", block=False) == "re a"
        await elapse(5)
        assert heard == ["a", "a"]
        await system.shutdown()

    run_virtual(run())


def test_an_ask_whose_message_comes_too_late_is_answered_with_a_timeout_and_not_handled():
    async def run():
        heard = []
        system = ActorSystem(interception=Script({"a": (5.0,)}))
        ref = system.spawn(lambda: Listener(heard), name="listener")
        with pytest.raises(AskTimeoutError):
            await ref.ask("a", block=False, timeout=1.0)
        await elapse(10)
        assert heard == []
        await system.shutdown()

    run_virtual(run())


def test_an_actor_with_a_message_on_its_way_is_not_put_away():
    async def run():
        heard = []
        system = ActorSystem(interception=Script({"a": (3.0,)}))
        directory = Directory(system, lambda _: Listener(heard), idle_s=1.0)
        directory.tell("pay_1", "a")
        await elapse(0)
        assert directory.passivate_all() == 1
        await elapse(4)
        assert heard == ["a"]
        assert directory.passivate_all() == 0
        assert system.dead_letters.count == 0
        await directory.stop_all(timeout_s=1.0)

    run_virtual(run())


def test_a_message_on_its_way_to_an_actor_that_has_ended_is_a_dead_letter():
    async def run():
        system = ActorSystem(interception=Script({"a": (3.0,)}))
        ref = system.spawn(lambda: Listener([]), name="listener")
        ref.tell("a")
        await system.stop(ref)
        await elapse(5)
        assert system.dead_letters.count == 1

    run_virtual(run())


def test_messages_on_their_way_count_towards_the_bound():
    async def run():
        from aegispay.actors import MailboxFullError

        system = ActorSystem(interception=Script({"a": (3.0,)}))
        ref = system.spawn(lambda: Listener([]), name="listener", capacity=2)
        ref.tell("a")
        ref.tell("a")
        with pytest.raises(MailboxFullError):
            ref.tell("a")
        await system.shutdown()

    run_virtual(run())


@pytest.mark.parametrize(("place", "heard"), [("before", ["b"]), ("after", ["a", "b"])])
def test_a_crash_before_or_after_a_turn_is_the_actors_crash(place, heard):
    async def run():
        said = []
        system = ActorSystem(interception=Script(**{place: ["a"]}))
        spec = ChildSpec(id="listener", start=lambda: Listener(said))
        root = system.spawn(lambda: Supervisor("root", (spec,), source=random.Random(7)), name="root")
        await system.started(root)
        ref = system.find("listener")
        with pytest.raises(ActorCrashedError):
            await ref.ask("a", block=False)
        assert await ref.ask("b", block=False) == "re b"
        assert said == heard
        assert system.stats().crashes == 1
        await system.shutdown()

    run_virtual(run())


def test_what_the_runtime_tells_itself_is_never_disturbed():
    async def run():
        class Deaf:
            def arrivals(self, *_given, **_named):
                return ()

            def before_turn(self, _actor_class, _name, message):
                raise AssertionError(message)

            after_turn = before_turn

        system = ActorSystem(interception=Deaf())
        ref = system.spawn(lambda: Listener([]), name="listener")
        assert await system.stop(ref, timeout_s=1.0)

    run_virtual(run())


def test_messages_from_other_threads_are_disturbed_as_well():
    async def run():
        heard = []
        system = ActorSystem(interception=Script({"a": ()}))
        ref = system.spawn(lambda: Listener(heard), name="listener")
        await asyncio.to_thread(ref.tell, "a")
        assert await ref.ask("b", block=False) == "re b"
        assert heard == ["b"]
        await system.shutdown()

    asyncio.run(run())
