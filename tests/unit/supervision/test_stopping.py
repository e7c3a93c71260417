"""Children stop in reverse; one that takes too long is left behind and the rest still stop."""

from __future__ import annotations

import pytest

from aegispay.actors import ActorDeadError
from tests.unit.supervision.rig import BadError, Crash, Family, Work, elapse, settle, virtual


@virtual
async def test_children_stop_in_reverse_order_each_when_the_one_after_it_has():
    async with Family() as family:
        family.stop_s.update(a=1, b=2, c=3)
        await family.start(family.specs("abc"))
        await family.system.stop(family.root)
        assert family.diary[6:] == ["c stopped", "b stopped", "a stopped"]
        assert family.actions()[3:] == ["c stopped", "b stopped", "a stopped"]
        assert family.system.loop.time() == 6
        assert family.system.stats().actors == 0


@virtual
async def test_the_message_being_handled_is_finished_before_the_child_stops():
    async with Family() as family:
        await family.start(family.specs("a"))
        working = family.ask("a", Work(4))
        await settle()
        await family.system.stop(family.root)
        assert await working is None
        assert family.system.loop.time() == 4


@virtual
async def test_a_child_that_does_not_stop_in_time_is_abandoned_and_the_rest_still_stop():
    async with Family() as family:
        await family.start(family.specs("abc", shutdown_s=5))
        working = family.ask("b", Work(1_000))
        await settle()
        await family.system.stop(family.root)
        assert family.system.loop.time() == 5
        assert family.diary[6:] == ["c stopped", "a stopped"]
        with pytest.raises(ActorDeadError, match=r"Child \(b\) was abandoned while it handled Work"):
            await working
        assert family.system.stats().actors == 0


@virtual
async def test_a_child_that_ignores_its_cancellation_holds_up_nobody():
    async with Family() as family:
        await family.start(family.specs("ab", shutdown_s=5))
        family.tell("b", Work(50, is_stubborn=True))
        await settle()
        await family.system.stop(family.root)
        assert family.system.loop.time() == 5
        assert family.states("a", "b") == {"a": "gone", "b": "gone"}
        await elapse(60)
        assert family.system.stats().actors == 0


@virtual
async def test_each_child_has_its_own_time_to_stop():
    async with Family() as family:
        await family.start([family.spec("a", shutdown_s=2), family.spec("b", shutdown_s=7)])
        family.tell("a", Work(1_000))
        family.tell("b", Work(1_000))
        await settle()
        await family.system.stop(family.root)
        assert family.system.loop.time() == 9


@virtual
async def test_a_child_whose_stop_hook_raises_does_not_keep_the_others():
    async with Family() as family:
        await family.start(family.specs("abc"))
        family.fail("stop", "b", BadError())
        await family.system.stop(family.root)
        assert family.diary[6:] == ["c stopped", "a stopped"]
        assert family.system.stats().actors == 0


@virtual
async def test_a_child_that_crashes_while_all_stop_is_not_started_again():
    async with Family() as family:
        await family.start(family.specs("ab"))
        family.tell("a", Work(1))
        family.tell("a", Crash(BadError()))
        family.stop_s["b"] = 3
        await family.system.stop(family.root)
        await elapse(60)
        assert family.diary[4:] == ["a crashed", "b stopped"]
        assert family.actions()[2:] == ["b stopped", "a stopped"]
        assert family.system.stats().actors == 0


@virtual
async def test_a_child_that_waits_for_its_restart_is_stopped_with_the_others():
    async with Family() as family:
        await family.start(family.specs("ab"))
        family.crash("b")
        await settle()
        waiting = family.ask("b", "who")
        await family.system.stop(family.root)
        await elapse(60)
        assert family.diary[4:] == ["b crashed", "a stopped"]
        with pytest.raises(ActorDeadError):
            await waiting


@virtual
async def test_mail_that_waits_when_a_child_is_stopped_is_answered_that_it_is_dead():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.tell("a", Work(1))
        waiting = family.ask("a", "who")
        await settle()
        await family.system.stop(family.root)
        with pytest.raises(ActorDeadError, match=r"Child \(a\) ended before it handled str"):
            await waiting
