"""Restarts are normal up to a number within a period; beyond it a supervisor gives up, and its parent decides."""

from __future__ import annotations

from aegispay.supervision import (
    ChildSpec,
    RestartIntensity,
    RestartIntensityExceededError,
    Strategy,
    record_restart,
)
from tests.unit.supervision.rig import STEADY, Backoff, BadError, Family, WorseError, elapse, settle, virtual

TWO_IN_TEN = RestartIntensity(restarts=2, period_s=10)
NONE = RestartIntensity(restarts=0)
AT_ONCE = Backoff(min_s=0, max_s=0, jitter=0)


def test_the_restart_that_is_one_too_many_is_said_to_be():
    history: tuple[float, ...] = ()
    verdicts = []
    for now in (0, 1, 2):
        history, is_exceeded = record_restart(history, now, TWO_IN_TEN)
        verdicts.append(is_exceeded)
    assert (history, verdicts) == ((0, 1, 2), [False, False, True])


def test_a_restart_counts_until_the_period_is_over_and_not_at_its_end():
    assert record_restart((0.0,), 9.999, TWO_IN_TEN) == ((0.0, 9.999), False)
    assert record_restart((0.0,), 10.0, TWO_IN_TEN) == ((10.0,), False)


def test_with_no_restart_allowed_the_first_is_one_too_many():
    assert record_restart((), 5, RestartIntensity(restarts=0)) == ((5,), True)


async def crash_at(family, *times_s, name="a"):
    for at_s in times_s:
        await elapse(at_s - family.system.loop.time())
        family.crash(name)
    await settle()


@virtual
async def test_as_many_restarts_as_allowed_are_survived():
    async with Family() as family:
        await family.start(family.specs("a", backoff=AT_ONCE), intensity=TWO_IN_TEN)
        await crash_at(family, 1, 2)
        assert await family.ask("a", "who") == "a#2"


@virtual
async def test_one_more_and_the_supervisor_gives_up_with_all_its_children():
    async with Family() as family:
        await family.start(family.specs("abc", backoff=AT_ONCE), intensity=TWO_IN_TEN)
        family.take_diary()
        last = WorseError()
        await crash_at(family, 1, 2)
        family.crash("a", error=last)
        await settle()
        assert family.take_diary()[-4:] == ["a started", "a crashed", "c stopped", "b stopped"]
        assert not family.root.is_alive()
        assert family.system.stats().actors == 0
        (cause,) = family.gave_up
        assert isinstance(cause, RestartIntensityExceededError)
        assert (str(cause), cause.child) == ("root gave up: a crashed beyond 2 restarts in 10 s", "a")
        assert cause.__cause__ is last


@virtual
async def test_restarts_that_are_far_apart_do_not_add_up():
    async with Family() as family:
        await family.start(family.specs("a", backoff=AT_ONCE), intensity=TWO_IN_TEN)
        await crash_at(family, 1, 2, 11, 12, 21, 22)
        assert await family.ask("a", "who") == "a#6"


@virtual
async def test_restarts_of_all_children_are_counted_together():
    async with Family() as family:
        await family.start(family.specs("abc", backoff=AT_ONCE), intensity=TWO_IN_TEN)
        for name in "abc":
            family.crash(name)
            await settle()
        assert not family.root.is_alive()


@virtual
async def test_a_start_that_fails_counts_as_a_restart():
    async with Family() as family:
        await family.start(family.specs("a", backoff=AT_ONCE), intensity=TWO_IN_TEN)
        family.fail("start", "a", BadError(), BadError())
        family.crash("a")
        await settle()
        assert not family.root.is_alive()


@virtual
async def test_a_permanent_child_that_ends_normally_too_often_is_too_much_as_well():
    async with Family() as family:
        await family.start(family.specs("a", backoff=AT_ONCE), intensity=TWO_IN_TEN)
        for _ in range(3):
            family.system.find("a").stop(block=False)
            await settle()
        assert not family.root.is_alive()
        assert family.gave_up[0].__cause__ is None


@virtual
async def test_a_restart_of_all_counts_once():
    async with Family() as family:
        await family.start(
            family.specs("abc", backoff=AT_ONCE), intensity=RestartIntensity(restarts=1), strategy=Strategy.ONE_FOR_ALL
        )
        family.crash("b")
        await settle()
        assert [await family.ask(name, "who") for name in "abc"] == ["a#1", "b#1", "c#1"]


def nested(family, *, inner=NONE):
    """Return the specification of a supervisor `inner` of a and b."""
    specs = family.specs("ab", backoff=AT_ONCE)
    return ChildSpec(
        id="inner", start=lambda: family.supervisor("inner", specs, intensity=inner), backoff=STEADY, shutdown_s=60
    )


@virtual
async def test_a_supervisor_that_gives_up_is_restarted_by_its_parent_with_fresh_children():
    async with Family() as family:
        await family.start([nested(family)])
        family.take_diary()
        family.crash("a")
        await elapse(2)
        assert family.take_diary() == [
            *("a crashed", "b stopped"),
            *("a made", "a started", "b made", "b started"),
        ]
        assert [await family.ask(name, "who") for name in "ab"] == ["a#0", "b#0"]
        assert family.gave_up == []


@virtual
async def test_a_restarted_supervisor_counts_from_nothing():
    async with Family() as family:
        await family.start([nested(family, inner=RestartIntensity(restarts=1, period_s=1_000))])
        for _ in range(3):
            family.crash("a")
            await elapse(3)
        assert family.root.is_alive()
        assert (await family.tree()).children[0].restarts == 1


@virtual
async def test_a_cause_that_stays_goes_up_to_the_root_with_the_whole_chain_of_causes():
    async with Family() as family:
        await family.start([nested(family)], intensity=RestartIntensity(restarts=1, period_s=60))
        bug = WorseError()
        family.crash("a")
        await elapse(2)
        family.crash("a", error=bug)
        await elapse(2)
        (cause,) = family.gave_up
        assert str(cause) == "root gave up: inner crashed beyond 1 restarts in 60 s"
        assert str(cause.__cause__) == "inner gave up: a crashed beyond 0 restarts in 5 s"
        assert cause.__cause__.__cause__ is bug
        assert family.system.stats().actors == 0


@virtual
async def test_the_root_says_once_that_it_gave_up_even_when_the_one_who_is_told_raises():
    async with Family() as family:
        told = []

        def tell(cause):
            told.append(cause)
            raise BadError

        await family.start(family.specs("a"), intensity=RestartIntensity(restarts=0), on_gave_up=tell)
        family.crash("a")
        await elapse(10)
        assert [type(cause) for cause in told] == [RestartIntensityExceededError]
        assert family.system.stats().actors == 0
