"""What happens between a crash and the restart that follows it: the pause is a message, so the supervisor is free."""

from __future__ import annotations

from aegispay.supervision import Backoff, RestartIntensity, RestartType, Strategy
from tests.unit.supervision.rig import BadError, Family, Work, elapse, settle, virtual


@virtual
async def test_the_supervisor_answers_during_the_pause():
    async with Family() as family:
        await family.start(family.specs("ab"))
        family.crash("a")
        await settle()
        tree = await family.tree()
        assert family.system.loop.time() == 0
        assert [node.state for node in tree.children] == ["suspended", "ready"]


@virtual
async def test_the_supervisor_starts_another_child_during_the_pause():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await settle()
        await family.start_child(family.spec("b"))
        assert family.system.loop.time() == 0
        assert family.states("a", "b") == {"a": "suspended", "b": "ready"}


@virtual
async def test_the_others_go_on_working_during_the_pause():
    async with Family() as family:
        await family.start(family.specs("ab"))
        family.crash("a")
        await settle()
        assert await family.ask("b", "who") == "b#0"
        assert family.system.loop.time() == 0


@virtual
async def test_two_crashed_children_wait_their_own_pauses():
    async with Family() as family:
        slow = Backoff(min_s=5, max_s=5, jitter=0)
        await family.start([family.spec("a", backoff=slow), family.spec("b")])
        family.crash("a", "b")
        await elapse(2)
        assert family.states("a", "b") == {"a": "suspended", "b": "ready"}
        await elapse(4)
        assert family.states("a", "b") == {"a": "ready", "b": "ready"}
        assert [await family.ask(name, "who") for name in "ab"] == ["a#1", "b#1"]


@virtual
async def test_children_that_crash_together_are_all_restarted_once():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.ONE_FOR_ALL)
        family.take_diary()
        family.crash("a", "b")
        await elapse(20)
        assert family.take_diary() == [
            *("a crashed", "b crashed", "c stopped"),
            *("a made", "a started", "b made", "b started", "c made", "c started"),
        ]


@virtual
async def test_children_that_crash_together_count_as_one_restart_of_all():
    async with Family() as family:
        await family.start(
            family.specs("abc"), strategy=Strategy.ONE_FOR_ALL, intensity=RestartIntensity(restarts=1, period_s=60)
        )
        family.crash("a", "b", "c")
        await elapse(20)
        assert family.states(*"abc") == dict.fromkeys("abc", "ready")
        assert family.gave_up == []
        assert sorted(action for action in family.actions() if "crashed" in action) == [
            "a crashed",
            "b crashed",
            "c crashed",
        ]


@virtual
async def test_a_sibling_whose_stop_hook_raises_when_it_is_taken_down_is_restarted_once():
    async with Family() as family:
        await family.start(family.specs("ab"), strategy=Strategy.ONE_FOR_ALL)
        family.tell("b", Work(3))
        family.fail("stop", "b", BadError())
        await settle()
        family.take_diary()
        family.crash("a")
        await elapse(20)
        assert family.take_diary() == ["a crashed", "a made", "a started", "b made", "b started"]


@virtual
async def test_a_sibling_that_takes_in_its_crash_after_the_other_one_is_restarted_once():
    async with Family() as family:
        await family.start(family.specs("ab"), strategy=Strategy.ONE_FOR_ALL)
        family.failure_s["b"] = 0.5
        family.take_diary()
        family.crash("b", "a")
        await elapse(20)
        assert sorted(family.take_diary()[:2]) == ["a crashed", "b crashed"]
        assert [await family.ask(name, "who") for name in "ab"] == ["a#1", "b#1"]


@virtual
async def test_a_sibling_that_is_slow_to_take_in_its_crash_holds_nobody_up_for_ever():
    async with Family() as family:
        await family.start(family.specs("ab"), strategy=Strategy.ONE_FOR_ALL)
        family.failure_s["b"] = 3
        family.crash("a", "b")
        await elapse(20)
        assert family.states("a", "b") == {"a": "ready", "b": "ready"}
        await family.tree()


@virtual
async def test_an_earlier_crash_before_a_pending_restart_is_over_starts_all_in_order_once():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.REST_FOR_ONE)
        family.take_diary()
        family.crash("c")
        await elapse(0.5)
        family.crash("a")
        await elapse(20)
        assert family.take_diary() == [
            *("c crashed", "a crashed", "b stopped"),
            *("a made", "a started", "b made", "b started", "c made", "c started"),
        ]


@virtual
async def test_a_later_crash_during_a_pending_restart_leaves_the_order_as_it_is():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.REST_FOR_ONE)
        family.take_diary()
        family.crash("b")
        await elapse(0.5)
        family.crash("a")
        await elapse(0.25)
        assert family.states(*"abc") == dict.fromkeys("abc", "suspended")
        await elapse(20)
        assert [line for line in family.take_diary() if "started" in line] == ["a started", "b started", "c started"]


@virtual
async def test_a_crash_right_after_the_restart_is_a_crash_of_its_own():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a", "a")
        await elapse(20)
        assert await family.ask("a", "who") == "a#2"
        assert family.actions() == ["a started", *["a crashed", "a restarting", "a restarted"] * 2]


@virtual
async def test_an_actor_that_is_stopped_as_it_is_restarted_stays_stopped():
    async with Family() as family:
        await family.start(family.specs("a", restart=RestartType.TRANSIENT))
        ref = family.system.find("a")
        family.crash("a")
        await settle()
        family.take_diary()
        family.system.restart(ref)
        await family.system.stop(ref)
        await elapse(20)
        assert family.take_diary() == []
        assert (ref.cell.state.value, ref.cell.instance) == ("stopped", None)
        assert family.states("a") == {"a": "gone"}


@virtual
async def test_a_supervisor_that_is_stopped_as_it_restarts_a_child_leaves_nobody_behind():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await settle()
        family.system.restart(family.system.find("a"))
        await family.system.stop(family.root)
        await elapse(20)
        assert family.system.stats().actors == 0


@virtual
async def test_a_pause_that_is_over_while_the_supervisor_is_busy_does_not_overtake_an_earlier_crash():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.REST_FOR_ONE)
        family.start_s["d"] = 3
        family.crash("c")
        await elapse(0.5)
        adding = family.start_child(family.spec("d"))
        await elapse(0.2)
        family.crash("a")
        await adding
        family.take_diary()
        await elapse(0.9)
        assert family.take_diary() == ["d stopped", "b stopped"]
        await elapse(20)
        started = [line for line in family.take_diary() if "started" in line]
        assert started == ["a started", "b started", "c started", "d started"]


@virtual
async def test_the_pause_is_kept_although_a_temporary_sibling_has_to_go_first():
    async with Family() as family:
        patient = Backoff(min_s=10, max_s=10, jitter=0)
        specs = [*family.specs("ab", backoff=patient), family.spec("c", restart=RestartType.TEMPORARY)]
        await family.start(specs, strategy=Strategy.ONE_FOR_ALL)
        family.tell("b", Work(3))
        await settle()
        family.crash("a")
        await elapse(9)
        assert family.states(*"abc") == {"a": "suspended", "b": "suspended", "c": "gone"}
        await elapse(2)
        assert family.states(*"abc") == {"a": "ready", "b": "ready", "c": "gone"}


@virtual
async def test_a_longer_pause_that_was_planned_before_is_kept():
    async with Family() as family:
        patient = Backoff(min_s=10, max_s=10, jitter=0)
        await family.start([*family.specs("ab"), family.spec("c", backoff=patient)], strategy=Strategy.REST_FOR_ONE)
        family.crash("c")
        await elapse(0.5)
        family.crash("a")
        await elapse(9)
        assert family.states(*"abc") == dict.fromkeys("abc", "suspended")
        await elapse(1)
        assert family.states(*"abc") == dict.fromkeys("abc", "ready")
