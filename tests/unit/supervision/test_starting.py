"""Children start in order; a start that fails takes back those before it."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.actors import DuplicateActorError
from aegispay.supervision import ChildNotStartedError, InvalidSpecError, RestartIntensity
from tests.unit.supervision.rig import BadError, Child, Family, elapse, settle, virtual


@virtual
async def test_each_child_starts_when_the_one_before_it_has():
    async with Family() as family:
        family.start_s.update(a=3, b=2, c=1)
        await family.start(family.specs("abc"))
        assert family.diary == ["a made", "a started", "b made", "b started", "c made", "c started"]
        assert family.system.loop.time() == 6


@virtual
async def test_the_supervisor_has_started_when_its_last_child_has():
    async with Family() as family:
        family.start_s["b"] = 5
        starting = asyncio.ensure_future(family.start(family.specs("ab")))
        await elapse(4)
        assert not starting.done()
        await elapse(2)
        assert starting.done()


@virtual
async def test_a_start_that_fails_stops_those_that_run_in_reverse_and_fails_the_supervisor():
    async with Family() as family:
        error = BadError()
        family.fail("start", "c", error)
        with pytest.raises(BadError) as refused:
            await family.start(family.specs("abcd"))
        assert refused.value is error
        await settle()
        assert [line for line in family.diary if "stopped" in line] == ["b stopped", "a stopped"]
        assert "d made" not in family.diary
        assert family.system.stats().actors == 0
        assert family.gave_up == [error]


@virtual
async def test_a_child_that_cannot_be_made_fails_the_supervisor_as_well():
    async with Family() as family:
        family.fail("make", "b", BadError())
        with pytest.raises(BadError):
            await family.start(family.specs("ab"))
        await settle()
        assert family.diary == ["a made", "a started", "b made", "a stopped"]
        assert family.system.stats().actors == 0


@virtual
async def test_a_name_that_an_actor_elsewhere_has_fails_the_supervisor():
    async with Family() as family:
        family.system.spawn(lambda: Child("b", family), name="b")
        with pytest.raises(DuplicateActorError, match="an actor named b is alive already"):
            await family.start(family.specs("ab"))
        await settle()
        assert family.states("a", "b") == {"a": "gone", "b": "ready"}


@virtual
async def test_a_child_added_later_is_started_and_its_ref_is_the_answer():
    async with Family() as family:
        await family.start(family.specs("a"))
        ref = await family.start_child(family.spec("b"))
        assert await ref.ask("who", block=False) == "b#0"
        assert family.actions() == ["a started", "b started"]


@virtual
async def test_a_child_added_later_is_supervised_as_the_others():
    async with Family() as family:
        await family.start([])
        await family.start_child(family.spec("b"))
        family.crash("b")
        await elapse(2)
        assert await family.ask("b", "who") == "b#1"


@virtual
async def test_a_second_child_of_one_id_is_refused_and_the_supervisor_lives():
    async with Family() as family:
        await family.start(family.specs("ab"))
        with pytest.raises(InvalidSpecError, match=r"^id is 'a': give each child its own id$"):
            await family.start_child(family.spec("a"))
        assert [await family.ask(name, "who") for name in "ab"] == ["a#0", "b#0"]
        assert family.root.cell.incarnation == 0


@pytest.mark.parametrize("at", ["make", "start"])
@virtual
async def test_whoever_adds_a_child_that_cannot_start_is_told_why_and_nothing_is_left_of_it(at):
    async with Family() as family:
        await family.start(family.specs("a"))
        error = BadError("secret")
        family.fail(at, "b", error)
        with pytest.raises(ChildNotStartedError, match=r"^root did not start b: BadError$") as refused:
            await family.start_child(family.spec("b"))
        assert (refused.value.child, refused.value.__cause__) == ("b", error)
        await elapse(10)
        assert family.actions() == ["a started", "b crashed"]
        assert [node.name for node in (await family.tree()).children] == ["a"]
        assert family.states("b") == {"b": "gone"}
        assert await family.ask("a", "who") == "a#0"


@virtual
async def test_a_child_that_could_not_be_added_can_be_added_later():
    async with Family() as family:
        await family.start([])
        family.fail("start", "b", BadError())
        with pytest.raises(ChildNotStartedError):
            await family.start_child(family.spec("b"))
        await family.start_child(family.spec("b"))
        assert await family.ask("b", "who") == "b#0"


@virtual
async def test_children_that_cannot_be_added_do_not_exhaust_the_supervisor():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=RestartIntensity(restarts=0))
        for _ in range(5):
            family.fail("start", "b", BadError())
            with pytest.raises(ChildNotStartedError):
                await family.start_child(family.spec("b"))
        assert await family.ask("a", "who") == "a#0"


@virtual
async def test_a_child_whose_name_is_taken_elsewhere_is_refused_and_the_other_one_lives():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.system.spawn(lambda: Child("b", family), name="b")
        with pytest.raises(ChildNotStartedError, match=r"^root did not start b: DuplicateActorError$"):
            await family.start_child(family.spec("b"))
        assert [await family.ask(name, "who") for name in "ab"] == ["a#0", "b#0"]
