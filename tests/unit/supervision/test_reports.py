"""Every action is one report; the stream alone tells the whole story."""

from __future__ import annotations

import pytest

from aegispay.supervision import Action, RecentReports, Report, RestartIntensity, RestartType, Strategy
from tests.unit.supervision.crowd import Crowd
from tests.unit.supervision.rig import BadError, Family, WorseError, elapse, settle, virtual


def report(at_s, child, action, *, supervisor="root", **rest):
    return Report(at_s=at_s, supervisor=supervisor, child=child, action=action, **rest)


@virtual
async def test_the_whole_stream_of_a_crash_and_a_shutdown():
    async with Family() as family:
        await family.start(family.specs("ab"))
        await elapse(10)
        family.crash("a", error=WorseError("card 4111111111111111"))
        await elapse(3)
        await family.system.stop(family.root)
        assert family.reports.latest() == (
            report(0, "a", Action.STARTED),
            report(0, "b", Action.STARTED),
            report(10, "a", Action.CRASHED, cause="WorseError"),
            report(10, "a", Action.RESTARTING, cause="WorseError", restarts=1, delay_s=1),
            report(11, "a", Action.RESTARTED, restarts=1),
            report(13, "b", Action.STOPPED, restarts=1),
            report(13, "a", Action.STOPPED, restarts=1),
        )


@virtual
async def test_the_stream_of_a_supervisor_that_gives_up():
    async with Family() as family:
        await family.start(family.specs("ab"), intensity=RestartIntensity(restarts=0))
        family.crash("a")
        await settle()
        assert family.reports.latest()[2:] == (
            report(0, "a", Action.CRASHED, cause="BadError"),
            report(0, "a", Action.GAVE_UP, cause="BadError", restarts=1),
            report(0, "b", Action.STOPPED, restarts=1),
            report(0, "a", Action.STOPPED, restarts=1),
        )


@virtual
async def test_a_normal_end_that_is_followed_by_a_restart_has_no_cause():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.system.find("a").stop(block=False)
        await settle()
        assert family.reports.latest()[1:] == (
            report(0, "a", Action.STOPPED),
            report(0, "a", Action.RESTARTING, restarts=1, delay_s=1),
        )


@virtual
async def test_a_child_that_is_not_started_again_is_reported_stopped_once():
    async with Family() as family:
        await family.start(family.specs("a", restart=RestartType.TEMPORARY))
        family.crash("a")
        await elapse(10)
        assert family.actions() == ["a started", "a crashed", "a stopped"]


@virtual
async def test_children_restarted_with_another_one_are_reported_in_start_order():
    async with Family() as family:
        await family.start(family.specs("abc"), strategy=Strategy.ONE_FOR_ALL)
        family.crash("b")
        await elapse(2)
        assert family.actions()[3:] == ["b crashed", "b restarting", "a restarted", "b restarted", "c restarted"]


@virtual
async def test_restarts_that_left_the_window_are_not_counted_any_more():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=RestartIntensity(restarts=3, period_s=5))
        family.crash("a")
        await elapse(100)
        await family.system.stop(family.root)
        assert family.reports.latest()[-1] == report(100, "a", Action.STOPPED, restarts=0)


@virtual
async def test_the_stream_of_a_child_of_many_that_is_exhausted():
    async with Crowd() as crowd:
        await crowd.open(intensity=RestartIntensity(restarts=1, period_s=60))
        await crowd.crash_now("a")
        await elapse(2)
        await crowd.crash_now("a", error=WorseError())
        many = {"supervisor": "many"}
        assert crowd.reports.latest()[1:] == (
            report(0, "a", Action.CRASHED, cause="BadError", restarts=1, **many),
            report(0, "a", Action.RESTARTING, cause="BadError", restarts=1, delay_s=1, **many),
            report(1, "a", Action.RESTARTED, restarts=1, **many),
            report(2, "a", Action.CRASHED, cause="WorseError", restarts=2, **many),
            report(2, "a", Action.EXHAUSTED, cause="WorseError", restarts=2, **many),
        )


@virtual
async def test_the_crash_that_shows_a_common_cause_is_reported_like_every_crash():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=1, period_s=10))
        await crowd.crash_now("a", "b")
        assert crowd.actions()[1:] == [
            *("a crashed", "a restarting", "b crashed", "b gave_up"),
            *("many crashed", "many restarting"),
        ]


@virtual
async def test_a_sink_that_raises_disturbs_nobody():
    async with Family() as family:
        seen = []

        def sink(each):
            seen.append(each.action.value)
            if each.action is not Action.STARTED:
                raise BadError

        family.reports = sink
        await family.start(family.specs("a"))
        family.crash("a")
        await elapse(2)
        assert await family.ask("a", "who") == "a#1"
        assert seen == ["started", "crashed", "restarting", "restarted"]


@virtual
async def test_a_supervisor_without_a_sink_works_as_well():
    async with Family() as family:
        family.reports = lambda _: None
        await family.start(family.specs("a"))
        family.crash("a")
        await elapse(2)
        assert await family.ask("a", "who") == "a#1"


def test_the_latest_reports_are_kept_oldest_first_and_no_more_than_asked_for():
    recent = RecentReports(capacity=2)
    for at_s in (1, 2, 3):
        recent(report(at_s, "a", Action.STARTED))
    assert [each.at_s for each in recent.latest()] == [2, 3]


@pytest.mark.parametrize("action", Action)
def test_an_action_is_written_as_one_plain_word(action):
    assert str(action) == action.name.lower()
