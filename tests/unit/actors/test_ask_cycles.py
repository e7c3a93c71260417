"""A turn that would wait for itself, directly or through others, is told so at once."""

import asyncio

import pytest

from aegispay.actors import Actor, ActorCrashedError, AskCycleError
from tests.unit.actors.rig import Echo, elapse, settle, virtual


class Forwards(Actor):
    """Asks the one it was given, and awaits the answer."""

    def __init__(self, book):
        super().__init__()
        self.book = book

    async def on_receive(self, message):
        name = self.book.get(self.actor_urn)
        if name is None:
            return message
        return await self.system.find(name).ask(message, block=False)


def circle(system, *names):
    """Each asks the next, the last asks the first."""
    book = dict(zip(names, [*names[1:], names[0]], strict=True))
    return [system.spawn(lambda: Forwards(book), name=name) for name in names]


def root_cause(error):
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@virtual
async def test_a_cycle_is_refused_at_once_and_names_the_way_round(system):
    first, *_ = circle(system, "a", "b", "c")
    with pytest.raises(ActorCrashedError) as caught:
        await first.ask("hi", block=False)
    assert system.loop.time() == 0
    cause = root_cause(caught.value)
    assert isinstance(cause, AskCycleError)
    assert str(cause) == ("str would deadlock: Forwards (c) asks Forwards (a) asks Forwards (b) asks Forwards (c)")


@virtual
async def test_an_actor_that_awaits_its_own_answer_is_told_so(system):
    (ref,) = circle(system, "a")
    with pytest.raises(ActorCrashedError) as caught:
        await ref.ask("hi", block=False)
    assert str(root_cause(caught.value)) == "str would deadlock: Forwards (a) asks Forwards (a)"


@virtual
async def test_two_turns_that_ask_each_other_from_outside_are_a_cycle_too(system):
    one, two = circle(system, "a", "b")
    answers = await asyncio.gather(one.ask("x", block=False), two.ask("y", block=False), return_exceptions=True)
    assert system.loop.time() == 0
    assert AskCycleError in {type(root_cause(answer)) for answer in answers}


@virtual
async def test_the_refused_message_is_not_handled_later(system):
    handled = []

    class Counts(Forwards):
        async def on_receive(self, message):
            handled.append((self.actor_urn, message))
            try:
                return await super().on_receive(message)
            except AskCycleError:
                return "noticed"

    book = {"a": "b", "b": "a"}
    ref = system.spawn(lambda: Counts(book), name="a")
    system.spawn(lambda: Counts(book), name="b")
    assert await ref.ask("x", block=False) == "noticed"
    await settle()
    assert handled == [("a", "x"), ("b", "x")]


@virtual
async def test_a_chain_that_is_no_circle_is_answered(system):
    book = {"a": "b", "b": "c"}
    refs = [system.spawn(lambda: Forwards(book), name=name) for name in "abc"]
    assert await refs[0].ask("hi", block=False) == "hi"


@virtual
async def test_asking_oneself_without_waiting_is_work_for_later(system):
    """As pykka documents for a proxy to oneself."""
    log = []

    class Later(Actor):
        def on_receive(self, message):
            log.append(message)
            if message == "now":
                self.actor_ref.ask("later", block=False)

    system.spawn(Later, name="a").tell("now")
    await settle()
    assert log == ["now", "later"]


@virtual
async def test_a_task_beside_the_turn_may_wait_for_the_actor(system):
    class Starts(Actor):
        async def on_receive(self, message):
            if message == "start":
                self.task = asyncio.create_task(self.ask_myself())
                await elapse(1)
                return "started"
            return message

        async def ask_myself(self):
            return await self.actor_ref.ask("hi", block=False)

    ref = system.spawn(Starts, name="a")
    assert await ref.ask("start", block=False) == "started"
    assert await ref.cell.instance.task == "hi"


@virtual
async def test_the_same_actor_may_be_asked_again_after_an_answer(system):
    echo = system.spawn(Echo, name="echo")

    class Twice(Actor):
        async def on_receive(self, message):
            return [await echo.ask(1, block=False), await echo.ask(2, block=False)]

    assert await system.spawn(Twice, name="a").ask("x", block=False) == [1, 2]


@virtual
async def test_a_start_hook_that_asks_who_waits_for_the_start_is_told_so(system):
    class Parent(Actor):
        async def on_receive(self, message):
            if message == "start a child":
                child = self.system.spawn(lambda: Child(self.actor_ref), name="child")
                await self.system.started(child)
            return message

    class Child(Actor):
        def __init__(self, parent):
            super().__init__()
            self.parent = parent

        async def on_start(self):
            await self.parent.ask("are you there?", block=False)

    parent = system.spawn(Parent, name="parent")
    with pytest.raises(ActorCrashedError) as caught:
        await parent.ask("start a child", block=False)
    assert str(root_cause(caught.value)) == "str would deadlock: Child (child) asks Parent (parent) asks Child (child)"


@virtual
async def test_a_wait_that_ended_is_no_link_of_a_later_circle(system):
    echo = system.spawn(Echo, name="echo")

    class Impatient(Actor):
        async def on_receive(self, message):
            slow = system.find("slow")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await slow.ask("x", block=False)
            return await echo.ask("done", block=False)

    class Slow(Actor):
        async def on_receive(self, message):
            await elapse(10)
            return await system.find("a").ask("back", block=False, timeout=5)

    system.spawn(Slow, name="slow")
    assert await system.spawn(Impatient, name="a").ask("x", block=False) == "done"
    await elapse(1)
    assert system.find("a").cell.waits_for is None
