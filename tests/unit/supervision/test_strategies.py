"""Who goes down with a crashed child, and in which order they come back."""

from __future__ import annotations

import pytest

from aegispay.actors import ActorCrashedError
from aegispay.supervision import Decider, RestartType, Strategy, Verdict, affected
from tests.unit.supervision.rig import BadError, Crash, Family, Work, WorseError, elapse, settle, virtual

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("strategy", "crashed", "expected"),
    [
        (Strategy.ONE_FOR_ONE, "b", ("b",)),
        (Strategy.ONE_FOR_ALL, "b", NAMES),
        (Strategy.REST_FOR_ONE, "a", NAMES),
        (Strategy.REST_FOR_ONE, "b", ("b", "c", "d")),
        (Strategy.REST_FOR_ONE, "d", ("d",)),
    ],
)
def test_a_strategy_names_who_is_restarted_in_start_order(strategy, crashed, expected):
    assert affected(strategy, NAMES, crashed) == expected


async def diary_of_a_crash(family, name, strategy):
    await family.start(family.specs("abc"), strategy=strategy)
    family.take_diary()
    family.crash(name)
    await elapse(10)
    return family.take_diary()


@virtual
async def test_one_for_one_restarts_the_crashed_child_alone():
    async with Family() as family:
        assert await diary_of_a_crash(family, "b", Strategy.ONE_FOR_ONE) == ["b crashed", "b made", "b started"]


@virtual
async def test_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order():
    async with Family() as family:
        assert await diary_of_a_crash(family, "b", Strategy.ONE_FOR_ALL) == [
            *("b crashed", "c stopped", "a stopped"),
            *("a made", "a started", "b made", "b started", "c made", "c started"),
        ]


@virtual
async def test_rest_for_one_restarts_the_crashed_child_and_those_started_after_it():
    async with Family() as family:
        assert await diary_of_a_crash(family, "b", Strategy.REST_FOR_ONE) == [
            *("b crashed", "c stopped"),
            *("b made", "b started", "c made", "c started"),
        ]
        assert await family.ask("a", "who") == "a#0"


@virtual
async def test_during_the_pause_the_others_are_suspended_and_their_mail_waits():
    async with Family() as family:
        await family.start(family.specs("ab"), strategy=Strategy.ONE_FOR_ALL)
        family.crash("a")
        await settle()
        assert family.states("a", "b") == {"a": "suspended", "b": "suspended"}
        waiting = family.ask("b", "who")
        await elapse(0.9)
        assert not waiting.reply.done()
        await elapse(0.2)
        assert await waiting == "b#1"


@virtual
async def test_each_of_them_starts_when_the_one_before_it_has():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.ONE_FOR_ALL)
        family.start_s.update(a=10, b=10)
        family.crash("c")
        await elapse(1 + 15)
        assert family.states("a", "b", "c") == {"a": "ready", "b": "ready", "c": "suspended"}
        assert family.diary[-2:] == ["a started", "b made"]
        await elapse(10)
        assert family.diary[-2:] == ["c made", "c started"]


@virtual
async def test_a_sibling_finishes_its_message_before_it_is_taken_down():
    async with Family() as family:
        await family.start(family.specs("ab", shutdown_s=5), strategy=Strategy.ONE_FOR_ALL)
        working = family.ask("b", Work(4))
        await settle()
        family.crash("a")
        assert await working is None
        assert family.system.loop.time() == 4
        await elapse(2)
        assert await family.ask("b", "who") == "b#1"


@virtual
async def test_a_sibling_whose_message_takes_too_long_is_cut_off_and_its_asker_is_told():
    async with Family() as family:
        await family.start(family.specs("ab", shutdown_s=5), strategy=Strategy.ONE_FOR_ALL)
        working = family.ask("b", Work(60))
        await settle()
        family.crash("a")
        with pytest.raises(ActorCrashedError, match="CancelledError while handling Work"):
            await working
        assert family.system.loop.time() == 5
        await elapse(2)
        assert (await family.ask("a", "who"), await family.ask("b", "who")) == ("a#1", "b#1")


@virtual
async def test_a_sibling_whose_stop_hook_takes_too_long_is_cut_off_as_well():
    async with Family() as family:
        await family.start(family.specs("ab", shutdown_s=5), strategy=Strategy.ONE_FOR_ALL)
        family.stop_s["b"] = 60
        family.crash("a")
        await elapse(7)
        assert family.states("a", "b") == {"a": "ready", "b": "ready"}
        family.stop_s.clear()


@virtual
async def test_a_start_that_fails_in_the_middle_holds_up_those_after_it_only():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.REST_FOR_ONE)
        family.take_diary()
        family.fail("start", "b", BadError())
        family.crash("a")
        await elapse(1.5)
        assert family.take_diary() == [
            *("a crashed", "c stopped", "b stopped"),
            *("a made", "a started", "b made", "b crashed"),
        ]
        assert family.states("a", "b", "c") == {"a": "ready", "b": "suspended", "c": "suspended"}
        await elapse(1)
        assert family.take_diary() == ["b made", "b started", "c made", "c started"]


@virtual
async def test_when_the_crashed_child_is_given_up_at_its_start_the_others_come_back_all_the_same():
    async with Family() as family:
        decider = Decider({WorseError: Verdict.STOP})
        await family.start(family.specs("abc", decider=decider), strategy=Strategy.ONE_FOR_ALL)
        family.fail("start", "a", WorseError())
        family.crash("a")
        await elapse(20)
        assert family.states("a", "b", "c") == {"a": "gone", "b": "ready", "c": "ready"}


@virtual
async def test_when_the_crashed_child_is_stopped_during_its_pause_the_others_come_back_all_the_same():
    async with Family() as family:
        specs = family.specs("abc", restart=RestartType.TRANSIENT)
        await family.start(specs, strategy=Strategy.ONE_FOR_ALL)
        family.crash("a")
        await settle()
        await family.system.stop(family.system.find("a"))
        await elapse(20)
        assert family.states("a", "b", "c") == {"a": "gone", "b": "ready", "c": "ready"}


@virtual
async def test_when_the_crashed_child_ends_itself_at_its_start_the_others_come_back_all_the_same():
    async with Family() as family:
        await family.start(family.specs("abc", restart=RestartType.TRANSIENT), strategy=Strategy.REST_FOR_ONE)
        family.start_s["a"] = 5
        family.crash("a")
        await elapse(2)
        await family.system.stop(family.system.find("a"), timeout_s=1)
        await elapse(20)
        assert family.states("a", "b", "c") == {"a": "gone", "b": "ready", "c": "ready"}


@virtual
async def test_a_temporary_sibling_that_is_taken_down_does_not_come_back():
    async with Family() as family:
        specs = [*family.specs("ac"), family.spec("b", restart=RestartType.TEMPORARY)]
        await family.start(specs, strategy=Strategy.ONE_FOR_ALL)
        family.crash("a")
        await elapse(20)
        assert family.states("a", "b", "c") == {"a": "ready", "b": "gone", "c": "ready"}


@virtual
async def test_a_crash_that_restarts_nobody_takes_nobody_down():
    async with Family() as family:
        specs = [family.spec("a", restart=RestartType.TEMPORARY), family.spec("b")]
        await family.start(specs, strategy=Strategy.ONE_FOR_ALL)
        family.crash("a")
        await elapse(20)
        assert await family.ask("b", "who") == "b#0"


@virtual
async def test_a_permanent_child_that_ends_normally_takes_the_others_with_it():
    async with Family() as family:
        await family.start(family.specs("ab"), strategy=Strategy.ONE_FOR_ALL)
        family.take_diary()
        family.system.find("a").stop(block=False)
        await elapse(20)
        assert family.take_diary() == [
            *("a stopped", "b stopped"),
            *("a made", "a started", "b made", "b started"),
        ]


@virtual
async def test_the_order_of_start_is_kept_over_restarts_on_new_cells():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.REST_FOR_ONE)
        family.system.find("a").stop(block=False)
        await elapse(20)
        family.take_diary()
        family.tell("b", Crash(BadError()))
        await elapse(20)
        assert family.take_diary() == [
            *("b crashed", "c stopped"),
            *("b made", "b started", "c made", "c started"),
        ]
