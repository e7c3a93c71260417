"""Death watch: a restart is no death; an end is told once, with its reason."""

from __future__ import annotations

import pytest

from aegispay.actors import StopReason
from aegispay.supervision import Decider, RestartIntensity, RestartType, Verdict
from tests.unit.supervision.rig import BadError, Family, Watcher, elapse, settle, virtual


def watch(family, *names):
    """Watch children; return the list that their ends are written to."""
    seen = []
    watcher = family.system.spawn(lambda: Watcher(seen), name=f"watcher of {names}")
    for name in names:
        family.system.watch(watcher, family.system.find(name))
    return seen


@virtual
async def test_a_restart_is_not_told():
    async with Family() as family:
        await family.start(family.specs("a"))
        seen = watch(family, "a")
        family.crash("a")
        await elapse(10)
        assert await family.ask("a", "who") == "a#1"
        assert seen == []


@virtual
async def test_the_watch_outlives_restarts():
    async with Family() as family:
        await family.start(family.specs("a"))
        seen = watch(family, "a")
        family.crash("a")
        await elapse(10)
        await family.system.stop(family.root)
        await settle()
        assert seen == [("a", "shutdown")]


@pytest.mark.parametrize(
    "fields",
    [{"restart": RestartType.TEMPORARY}, {"decider": Decider({BadError: Verdict.STOP})}],
    ids=["temporary", "stop"],
)
@virtual
async def test_a_crash_that_is_the_end_is_told_once_as_a_crash(fields):
    async with Family() as family:
        await family.start(family.specs("a", **fields))
        seen = watch(family, "a")
        family.crash("a")
        await elapse(60)
        assert seen == [("a", "crashed")]


@virtual
async def test_a_child_that_ended_is_told_dead_although_a_new_one_takes_its_name():
    async with Family() as family:
        await family.start(family.specs("a"))
        seen = watch(family, "a")
        family.system.find("a").stop(block=False)
        await elapse(10)
        assert family.states("a") == {"a": "ready"}
        assert seen == [("a", "normal")]


@virtual
async def test_when_a_supervisor_gives_up_its_children_were_shut_down_and_it_has_crashed():
    async with Family() as family:
        await family.start(family.specs("ab"), intensity=RestartIntensity(restarts=0))
        seen = watch(family, "a", "b", "root")
        family.crash("a")
        await settle()
        assert seen == [("b", "shutdown"), ("a", "shutdown"), ("root", "crashed")]


@pytest.mark.parametrize("reason", [StopReason.NORMAL, StopReason.CRASHED, StopReason.SHUTDOWN])
@virtual
async def test_whoever_comes_too_late_is_told_the_same_reason(reason):
    async with Family() as family:
        await family.start(family.specs("a", restart=RestartType.TEMPORARY))
        ref = family.system.find("a")
        await family.system.stop(ref, reason=reason)
        seen = []
        family.system.watch(family.system.spawn(lambda: Watcher(seen), name="late"), ref)
        await settle()
        assert seen == [("a", reason.value)]
