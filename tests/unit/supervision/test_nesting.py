"""Supervisors under supervisors: a part of the tree goes and comes as a whole, and leaves nobody behind."""

from __future__ import annotations

import pytest

from aegispay.supervision import ChildSpec, RestartIntensity, Strategy
from tests.unit.supervision.rig import STEADY, BadError, Family, Work, elapse, settle, virtual

NO_RESTART = RestartIntensity(restarts=0)


def branch(family, names="ab", **fields):
    """Return the specification of a supervisor `branch` of these children."""
    specs = family.specs(names)
    return ChildSpec(
        id="branch",
        start=lambda: family.supervisor("branch", specs, intensity=NO_RESTART),
        **{"backoff": STEADY, "shutdown_s": 60, **fields},
    )


@virtual
async def test_a_branch_starts_and_stops_in_its_place():
    async with Family() as family:
        await family.start([family.spec("x"), branch(family), family.spec("y")])
        started = [line for line in family.take_diary() if "started" in line]
        assert started == ["x started", "a started", "b started", "y started"]
        await family.system.stop(family.root)
        assert family.take_diary() == ["y stopped", "b stopped", "a stopped", "x stopped"]


@virtual
async def test_a_start_that_fails_in_a_branch_fails_the_whole_tree():
    async with Family() as family:
        error = BadError()
        family.fail("start", "b", error)
        with pytest.raises(BadError) as refused:
            await family.start([family.spec("x"), branch(family), family.spec("y")])
        assert refused.value is error
        await settle()
        assert [line for line in family.diary if "stopped" in line] == ["a stopped", "x stopped"]
        assert family.system.stats().actors == 0


@virtual
async def test_a_supervisor_that_is_restarted_stops_its_children_before_it_starts_new_ones():
    async with Family() as family:
        await family.start([branch(family)])
        old = [family.system.find(name) for name in "ab"]
        family.take_diary()
        family.system.restart(family.system.find("branch"))
        await settle()
        assert family.take_diary() == [
            *("b stopped", "a stopped"),
            *("a made", "a started", "b made", "b started"),
        ]
        assert not any(ref.is_alive() for ref in old)
        assert family.system.stats().actors == 4


@virtual
async def test_a_supervisor_that_crashes_leaves_no_child_behind():
    async with Family() as family:
        await family.start([branch(family)])
        family.crash("a")
        await settle()
        assert family.states("branch", "a", "b") == {"branch": "suspended", "a": "gone", "b": "gone"}
        await elapse(2)
        assert family.system.stats().actors == 4


@virtual
async def test_what_the_children_of_a_crashed_supervisor_left_in_its_mailbox_means_nothing_to_the_next():
    async with Family() as family:
        await family.start([branch(family, "abc")])
        family.crash(*"abc")
        await elapse(20)
        assert [await family.ask(name, "who") for name in "abc"] == ["a#0", "b#0", "c#0"]
        assert family.system.find("branch").cell.incarnation == 1


@virtual
async def test_a_branch_that_is_taken_down_with_its_sibling_stops_its_children():
    async with Family() as family:
        await family.start([family.spec("x"), branch(family)], strategy=Strategy.ONE_FOR_ALL)
        family.take_diary()
        family.crash("x")
        await elapse(0.5)
        assert family.states("a", "b") == {"a": "gone", "b": "gone"}
        await elapse(1)
        assert family.take_diary() == [
            *("x crashed", "b stopped", "a stopped"),
            *("x made", "x started", "a made", "a started", "b made", "b started"),
        ]


@virtual
async def test_children_added_later_end_with_the_instance_that_was_asked():
    async with Family() as family:
        await family.start(family.specs("a"))
        await family.start_child(family.spec("b"))
        family.system.restart(family.root)
        await settle()
        assert family.states("a", "b") == {"a": "ready", "b": "gone"}


@virtual
async def test_a_branch_that_is_cut_off_while_it_stops_leaves_nobody_behind():
    async with Family() as family:
        await family.start([branch(family, "abc", shutdown_s=5)])
        family.stop_s.update(a=4, b=4, c=4)
        await family.system.stop(family.root)
        await elapse(60)
        assert family.states(*"abc") == dict.fromkeys("abc", "gone")
        assert family.system.stats().actors == 0


@virtual
async def test_a_supervisor_that_is_cut_off_while_it_starts_a_branch_leaves_nobody_behind():
    async with Family() as family:
        await family.start([family.spec("x"), branch(family)])
        family.start_s["b"] = 1_000
        family.crash("a")
        await elapse(2)
        assert family.states("x", "branch", "a") == {"x": "ready", "branch": "ready", "a": "ready"}
        assert not await family.system.stop(family.root, timeout_s=5)
        await settle()
        names = ("root", "x", "branch", "a", "b")
        assert family.states(*names) == dict.fromkeys(names, "gone")
        assert family.system.stats().actors == 0


@virtual
async def test_a_child_at_work_when_its_branch_crashes_is_waited_for_as_long_as_it_may_take():
    async with Family() as family:
        await family.start([branch(family)])
        working = family.ask("b", Work(4))
        await settle()
        family.crash("a")
        assert await working is None
        await settle()
        assert family.states("branch", "b") == {"branch": "suspended", "b": "gone"}
