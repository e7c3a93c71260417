"""Mail over a crash: the message that crashed is not handled again, everything behind it is, once and in order."""

from __future__ import annotations

import pytest
from pykka import Timeout

from aegispay.actors import ActorCrashedError, ActorDeadError, MailboxFullError, Refusal
from aegispay.supervision import Decider, RestartType, Verdict
from tests.unit.supervision.rig import BadError, Crash, Family, Urgent, elapse, settle, virtual


@virtual
async def test_the_asker_of_the_message_that_crashed_is_told_at_once():
    async with Family() as family:
        await family.start(family.specs("a"))
        error = BadError("secret")
        asked = family.ask("a", Crash(error))
        with pytest.raises(ActorCrashedError) as refused:
            await asked
        assert family.system.loop.time() == 0
        assert str(refused.value) == "Child (a) crashed with BadError while handling Crash"
        assert (refused.value.__cause__, refused.value.outcome) == (error, "unknown")


@virtual
async def test_the_message_that_crashed_is_not_handled_again():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await elapse(60)
        assert family.actions() == ["a started", "a crashed", "a restarting", "a restarted"]


@virtual
async def test_mail_that_waited_is_handled_by_the_new_instance_in_order():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.take_diary()
        for message in (Crash(BadError()), "one", "two"):
            family.tell("a", message)
        await settle()
        family.tell("a", "three")
        assert await family.ask("a", "who") == "a#1"
        assert family.take_diary() == [
            *("a crashed", "a made", "a started"),
            *("a got one", "a got two", "a got three"),
        ]


@virtual
async def test_control_messages_that_waited_come_first():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await settle()
        family.take_diary()
        family.tell("a", "waiting")
        family.tell("a", Urgent("urgent"))
        await elapse(2)
        assert family.take_diary() == ["a made", "a started", "a got urgent", "a got waiting"]


@virtual
async def test_mail_waits_over_several_crashes():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.fail("start", "a", BadError(), BadError())
        family.crash("a")
        assert await family.ask("a", "who") == "a#3"


@virtual
async def test_mail_whose_time_is_over_before_the_restart_is_answered_and_not_handled():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await settle()
        with pytest.raises(Timeout, match=r"Child \(a\) did not answer str in time"):
            await family.ask("a", "too late", timeout_s=0.5)
        await elapse(5)
        assert "a got too late" not in family.diary


@virtual
async def test_what_waits_for_a_restart_is_bounded():
    async with Family() as family:
        await family.start(family.specs("a", capacity=2))
        family.crash("a")
        await settle()
        family.tell("a", "one")
        family.tell("a", "two")
        with pytest.raises(MailboxFullError, match=r"Child \(a\) has 2 messages waiting"):
            family.tell("a", "three")


@pytest.mark.parametrize(
    "fields",
    [{"restart": RestartType.TEMPORARY}, {"decider": Decider({BadError: Verdict.STOP})}],
    ids=["temporary", "stop"],
)
@virtual
async def test_mail_of_a_child_that_is_not_started_again_is_answered_or_becomes_a_dead_letter(fields):
    async with Family() as family:
        await family.start(family.specs("a", **fields))
        family.crash("a")
        waiting = family.ask("a", "one")
        family.tell("a", "two")
        with pytest.raises(ActorDeadError, match=r"Child \(a\) ended before it handled str"):
            await waiting
        letters = [(each.message_type, each.target) for each in family.system.dead_letters.latest()]
        assert letters == [("Crash", "Child (a)"), ("str", "Child (a)")]


@virtual
async def test_mail_of_all_children_is_answered_when_their_supervisor_gives_up():
    async with Family() as family:
        await family.start(family.specs("ab", decider=Decider({BadError: Verdict.ESCALATE})))
        family.crash("a")
        waiting = [family.ask(name, "who") for name in "ab"]
        await settle()
        with pytest.raises(ActorDeadError):
            await waiting[0]
        assert await waiting[1] == "b#0"


@virtual
async def test_a_refusal_is_no_crash():
    async with Family() as family:
        await family.start(family.specs("a"))
        with pytest.raises(Refusal, match="said no"):
            await family.ask("a", Crash(Refusal("said no")))
        family.tell("a", Crash(Refusal("said no")))
        assert await family.ask("a", "who") == "a#0"
        assert family.actions() == ["a started"]
