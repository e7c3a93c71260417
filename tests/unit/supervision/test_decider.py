"""What a crash leads to depends on its exception: the most specific class counts."""

from __future__ import annotations

import pytest

from aegispay.supervision import Decider, RestartType, Verdict
from tests.unit.supervision.rig import BadError, Family, WorseError, elapse, settle, virtual


@pytest.mark.parametrize("error", [ValueError(), OSError(), BadError()], ids=repr)
def test_a_crash_that_nobody_said_anything_about_means_restart(error):
    assert Decider().decide(error) is Verdict.RESTART


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (WorseError(), Verdict.STOP),
        (BadError(), Verdict.ESCALATE),
        (ValueError(), Verdict.RESTART),
    ],
    ids=repr,
)
@pytest.mark.parametrize("is_turned", [False, True], ids=["as declared", "turned round"])
def test_the_most_specific_class_counts_in_whatever_order_they_are_given(error, verdict, is_turned):
    pairs = [(Exception, Verdict.RESTART), (BadError, Verdict.ESCALATE), (WorseError, Verdict.STOP)]
    assert Decider(dict(reversed(pairs) if is_turned else pairs)).decide(error) is verdict


def test_a_class_covers_its_subclasses():
    assert Decider({BadError: Verdict.STOP}).decide(WorseError()) is Verdict.STOP


def test_of_two_parents_the_first_counts():
    class BothError(BadError, OSError):
        pass

    verdicts = {OSError: Verdict.ESCALATE, BadError: Verdict.STOP}
    assert Decider(verdicts).decide(BothError()) is Verdict.STOP


@virtual
async def test_stop_ends_the_child_for_good_even_a_permanent_one():
    async with Family() as family:
        decider = Decider({WorseError: Verdict.STOP})
        await family.start(family.specs("ab", decider=decider))
        family.crash("a", error=WorseError())
        await elapse(60)
        assert family.states("a", "b") == {"a": "gone", "b": "ready"}
        assert family.actions()[2:] == ["a crashed", "a stopped"]


@virtual
async def test_a_verdict_is_about_the_exception_not_about_the_child():
    async with Family() as family:
        await family.start([family.spec("a", decider=Decider({WorseError: Verdict.STOP}))])
        family.crash("a", error=BadError())
        await elapse(2)
        assert await family.ask("a", "who") == "a#1"


@virtual
async def test_escalate_takes_the_supervisor_down_at_the_first_crash():
    async with Family() as family:
        await family.start(family.specs("ab", decider=Decider({BadError: Verdict.ESCALATE})))
        error = BadError()
        family.crash("b", error=error)
        await settle()
        assert not family.root.is_alive()
        assert family.states("a", "b") == {"a": "gone", "b": "gone"}
        assert [cause.__cause__ for cause in family.gave_up] == [error]


@virtual
async def test_escalating_is_reported_as_giving_up_and_does_not_claim_that_there_were_restarts():
    async with Family() as family:
        await family.start(family.specs("a", decider=Decider({BadError: Verdict.ESCALATE})))
        family.crash("a")
        await settle()
        assert family.actions() == ["a started", "a crashed", "a gave_up", "a stopped"]
        assert "BadError" in str(family.gave_up[0])
        assert "restarts" not in str(family.gave_up[0])


@virtual
async def test_escalate_counts_more_than_a_temporary_child():
    async with Family() as family:
        decider = Decider({BadError: Verdict.ESCALATE})
        await family.start([family.spec("a", restart=RestartType.TEMPORARY, decider=decider)])
        family.crash("a")
        await settle()
        assert not family.root.is_alive()
