"""Permanent, transient, temporary: who is started again after a crash and after a normal end."""

from __future__ import annotations

import pytest

from aegispay.actors import StopReason
from aegispay.supervision import RestartType, Strategy
from tests.unit.supervision.rig import BadError, Child, Family, elapse, virtual

PERMANENT, TRANSIENT, TEMPORARY = RestartType


@pytest.mark.parametrize(("restart", "state"), [(PERMANENT, "ready"), (TRANSIENT, "ready"), (TEMPORARY, "gone")])
@virtual
async def test_after_a_crash_all_but_temporary_children_are_started_again(restart, state):
    async with Family() as family:
        await family.start(family.specs("a", restart=restart))
        family.crash("a")
        await elapse(10)
        assert family.states("a") == {"a": state}


@pytest.mark.parametrize(("restart", "state"), [(PERMANENT, "ready"), (TRANSIENT, "gone"), (TEMPORARY, "gone")])
@virtual
async def test_after_a_normal_end_only_permanent_children_are_started_again(restart, state):
    async with Family() as family:
        await family.start(family.specs("a", restart=restart))
        family.system.find("a").stop(block=False)
        await elapse(10)
        assert family.states("a") == {"a": state}


@pytest.mark.parametrize("reason", [StopReason.NORMAL, StopReason.SHUTDOWN, StopReason.PASSIVATED])
@virtual
async def test_being_stopped_from_outside_is_a_normal_end(reason):
    async with Family() as family:
        await family.start(family.specs("a", restart=TRANSIENT))
        await family.system.stop(family.system.find("a"), reason=reason)
        await elapse(10)
        assert family.states("a") == {"a": "gone"}


@virtual
async def test_ending_with_a_stop_hook_that_raises_is_no_normal_end():
    async with Family() as family:
        await family.start(family.specs("a", restart=TRANSIENT))
        family.fail("stop", "a", BadError())
        family.system.find("a").stop(block=False)
        await elapse(10)
        assert family.states("a") == {"a": "ready"}


@pytest.mark.parametrize("restart", [TRANSIENT, TEMPORARY])
@virtual
async def test_a_child_that_is_not_started_again_is_forgotten(restart):
    async with Family() as family:
        await family.start(family.specs("ab", restart=restart))
        family.system.find("a").stop(block=False)
        await elapse(1)
        assert [node.name for node in (await family.tree()).children] == ["b"]
        await family.start_child(family.spec("a"))
        assert await family.ask("a", "who") == "a#0"


@virtual
async def test_a_crashed_child_comes_back_under_its_ref():
    async with Family() as family:
        await family.start(family.specs("a"))
        ref = family.system.find("a")
        family.crash("a")
        assert await ref.ask("who", block=False) == "a#1"


@virtual
async def test_a_child_that_ended_comes_back_under_its_name_on_a_cell_of_its_own():
    async with Family() as family:
        await family.start(family.specs("a"))
        ref = family.system.find("a")
        ref.stop(block=False)
        await elapse(10)
        assert not ref.is_alive()
        assert await family.ask("a", "who") == "a#0"
        assert family.actions() == ["a started", "a stopped", "a restarting", "a started", "a restarted"]


@virtual
async def test_a_child_that_ended_and_cannot_be_made_is_tried_again():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.fail("make", "a", BadError())
        family.system.find("a").stop(block=False)
        await elapse(20)
        assert family.states("a") == {"a": "ready"}


@virtual
async def test_a_crashed_child_that_cannot_be_made_is_tried_again():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.fail("make", "a", BadError())
        family.crash("a")
        await elapse(20)
        assert await family.ask("a", "who") == "a#2"


@virtual
async def test_a_name_that_somebody_else_took_meanwhile_is_waited_for_and_so_are_those_behind():
    async with Family() as family:
        await family.start(family.specs("ab"), strategy=Strategy.REST_FOR_ONE)
        family.system.find("a").stop(block=False)
        await elapse(0.5)
        other = family.system.spawn(lambda: Child("other a", family), name="a")
        await elapse(1)
        assert family.states("b") == {"b": "suspended"}
        assert [(each.action, each.cause) for each in family.reports.latest()[-2:]] == [
            ("crashed", "DuplicateActorError"),
            ("restarting", "DuplicateActorError"),
        ]
        await family.system.stop(other)
        await elapse(2)
        assert family.states("a", "b") == {"a": "ready", "b": "ready"}
