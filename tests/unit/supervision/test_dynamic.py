"""Very many children of one kind: a bad one ends alone, a common cause goes up, the quiet cost nothing."""

from __future__ import annotations

import pytest

from aegispay.actors import ActorDeadError
from aegispay.supervision import CommonCauseError, RestartIntensity
from tests.unit.supervision.crowd import Crowd
from tests.unit.supervision.rig import Backoff, BadError, WorseError, elapse, settle, virtual


def delays(crowd):
    return [each.delay_s for each in crowd.reports.latest() if each.action == "restarting"]


@virtual
async def test_a_crashed_child_comes_back_alone():
    async with Crowd() as crowd:
        await crowd.open()
        for name in "ab":
            crowd.tell(name, "hello")
        await crowd.crash_now("a")
        waiting = crowd.ask("a", "who")
        assert (await waiting, await crowd.ask("b", "who")) == ("a#1", "b#0")
        assert crowd.system.loop.time() == 1


@virtual
async def test_restarts_are_counted_per_child():
    async with Crowd() as crowd:
        await crowd.open()
        for _ in range(3):
            await crowd.crash_now("a", "b", "c")
            await elapse(9)
        assert [await crowd.ask(name, "who") for name in "abc"] == ["a#3", "b#3", "c#3"]
        assert crowd.exhausted == []


@virtual
async def test_each_child_has_pauses_of_its_own_that_grow():
    async with Crowd() as crowd:
        await crowd.open()
        for name in ("a", "a", "b", "a", "b"):
            await crowd.crash_now(name)
            await elapse(5)
        assert delays(crowd) == [1, 2, 1, 4, 2]


@virtual
async def test_a_child_that_keeps_crashing_is_told_of_once_and_ended():
    async with Crowd() as crowd:
        await crowd.open()
        last = WorseError()
        for _ in range(3):
            await crowd.crash_now("a")
            await elapse(5)
        waiting = crowd.ask("a", "work")
        await settle()
        await crowd.crash_now("a", error=last)
        await elapse(60)
        assert await waiting == "work"
        assert crowd.exhausted == [("a", last)]
        assert crowd.states("a") == {"a": "gone"}
        assert crowd.root.is_alive()
        assert crowd.many.cell.incarnation == 0


@virtual
async def test_whoever_waits_for_an_exhausted_child_is_told_that_it_is_dead():
    async with Crowd() as crowd:
        await crowd.open(intensity=RestartIntensity(restarts=0))
        crowd.crash("a")
        waiting = crowd.ask("a", "who")
        with pytest.raises(ActorDeadError, match=r"Child \(a\) ended before it handled str"):
            await waiting
        assert [name for name, _ in crowd.exhausted] == ["a"]


@virtual
async def test_an_exhausted_child_that_is_started_again_begins_with_a_clean_slate():
    async with Crowd() as crowd:
        await crowd.open(intensity=RestartIntensity(restarts=1, period_s=60))
        for _ in range(2):
            await crowd.crash_now("a")
            await elapse(2)
        assert len(crowd.exhausted) == 1
        await crowd.crash_now("a")
        assert await crowd.ask("a", "who") == "a#1"
        assert len(crowd.exhausted) == 1


@virtual
async def test_crashes_that_are_far_apart_do_not_add_up():
    async with Crowd() as crowd:
        await crowd.open()
        for _ in range(6):
            await crowd.crash_now("a")
            await elapse(30)
        assert await crowd.ask("a", "who") == "a#6"
        assert crowd.exhausted == []


@virtual
async def test_a_start_that_fails_counts_as_a_crash_of_that_child():
    async with Crowd() as crowd:
        await crowd.open()
        crowd.fail("start", "a", *(BadError() for _ in range(9)))
        crowd.tell("a", "hello")
        await elapse(60)
        assert [name for name, _ in crowd.exhausted] == ["a"]
        assert delays(crowd) == [1, 2, 4]


@virtual
async def test_a_child_that_is_stopped_during_its_pause_is_not_started():
    async with Crowd() as crowd:
        await crowd.open()
        await crowd.crash_now("a")
        await crowd.system.stop(crowd.directory.cell("a").ref)
        await elapse(10)
        assert crowd.states("a") == {"a": "gone"}
        assert "a restarted" not in crowd.actions()


@virtual
async def test_a_new_child_of_the_name_is_left_alone_by_the_restart_of_the_old_one():
    async with Crowd() as crowd:
        await crowd.open()
        await crowd.crash_now("a")
        await crowd.system.stop(crowd.directory.cell("a").ref)
        assert await crowd.ask("a", "who") == "a#0"
        await elapse(10)
        assert await crowd.ask("a", "who") == "a#0"


@virtual
async def test_as_many_different_children_as_allowed_may_crash():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=3, period_s=10))
        await crowd.crash_now("a", "b", "c")
        await elapse(5)
        assert crowd.many.cell.incarnation == 0


@virtual
async def test_one_child_crashing_often_is_no_common_cause():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=1, period_s=100), backoff=Backoff(min_s=0, jitter=0))
        for _ in range(3):
            await crowd.crash_now("a")
        assert await crowd.ask("a", "who") == "a#3"
        assert crowd.many.cell.incarnation == 0


@virtual
async def test_different_children_that_crash_far_apart_are_no_common_cause():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=1, period_s=10))
        for name in "abcdef":
            await crowd.crash_now(name)
            await elapse(10)
        assert crowd.many.cell.incarnation == 0


@virtual
async def test_one_different_child_too_many_goes_up_with_its_cause():
    async with Crowd() as crowd:
        none = RestartIntensity(restarts=0)
        await crowd.open(common_cause=RestartIntensity(restarts=2, period_s=10), root=none)
        last = WorseError()
        await crowd.crash_now("a", "b")
        await crowd.crash_now("c", error=last)
        (cause,) = crowd.gave_up
        common = cause.__cause__
        assert isinstance(common, CommonCauseError)
        assert str(common) == "many gave up: 3 different children crashed in 10 s"
        assert common.__cause__ is last


@virtual
async def test_a_restarted_supervisor_restarts_every_child_that_waited_for_it():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=3, period_s=10))
        for name in "abcdx":
            crowd.tell(name, "hello")
        await settle()
        await crowd.crash_now("a", "b", "c", "d")
        assert crowd.states(*"abcd") == dict.fromkeys("abcd", "suspended")
        await elapse(1.5)
        assert crowd.states(*"abcdx") == dict.fromkeys("abcdx", "ready")
        assert [await crowd.ask(name, "who") for name in "abcdx"] == ["a#1", "b#1", "c#1", "d#1", "x#0"]
        assert crowd.many.cell.incarnation == 1


@virtual
async def test_a_child_whose_crash_waited_for_the_new_supervisor_is_started_once():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=1, period_s=10))
        for name in "abx":
            crowd.tell(name, "hello")
        await crowd.crash_now("a", "b")
        await crowd.crash_now("x")
        await elapse(20)
        assert await crowd.ask("x", "who") == "x#1"


def remembered(crowd):
    """Return how many names the supervisor keeps anything about."""
    supervisor = crowd.many.cell.instance
    kept = [each for each in vars(supervisor).values() if isinstance(each, dict)]
    assert kept
    return len({name for each in kept for name in each})


@virtual
async def test_children_that_are_quiet_again_are_forgotten():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=10_000, period_s=10))
        for batch in range(10):
            await crowd.crash_now(*(f"{batch}-{number}" for number in range(50)))
            assert remembered(crowd) == 50
            await elapse(61)
        await crowd.crash_now("last")
        assert remembered(crowd) == 1


@virtual
async def test_a_child_that_comes_back_after_it_was_put_away_is_still_counted():
    async with Crowd() as crowd:
        await crowd.open(intensity=RestartIntensity(restarts=1, period_s=60))
        await crowd.crash_now("a")
        await elapse(2)
        crowd.directory.passivate("a")
        await settle()
        assert crowd.states("a") == {"a": "gone"}
        await crowd.crash_now("a")
        assert [name for name, _ in crowd.exhausted] == ["a"]


@virtual
async def test_a_child_that_was_stopped_for_good_is_forgotten_at_once():
    async with Crowd() as crowd:
        await crowd.open()
        await crowd.crash_now("a")
        await crowd.system.stop(crowd.directory.cell("a").ref)
        await settle()
        assert "0 crashed lately" in str(await crowd.tree())


@virtual
async def test_the_supervisor_answers_during_the_pauses():
    async with Crowd() as crowd:
        await crowd.open()
        await crowd.crash_now("a")
        await crowd.tree()
        assert crowd.system.loop.time() == 0


@virtual
async def test_a_thousand_children_cost_the_supervisor_nothing_while_they_are_well():
    async with Crowd() as crowd:
        await crowd.open()
        for number in range(1_000):
            crowd.directory.cell(str(number))
        assert crowd.reports.latest() == crowd.reports.latest()[:1]
        assert len(crowd.many.cell.mailbox) == 0
        assert remembered(crowd) == 0


@virtual
async def test_telling_of_an_exhausted_child_may_fail_without_hurting_the_others():
    async with Crowd() as crowd:
        await crowd.open(intensity=RestartIntensity(restarts=0))

        class Deaf(list):
            def append(self, item):
                super().append(item)
                raise BadError

        crowd.exhausted = Deaf()
        crowd.tell("b", "hello")
        await crowd.crash_now("a")
        await elapse(5)
        assert crowd.states("a", "b") == {"a": "gone", "b": "ready"}
        assert [name for name, _ in crowd.exhausted] == ["a"]
        assert crowd.many.cell.incarnation == 0
