"""Pauses between restarts: they grow, are drawn from a seeded source, and start over after a quiet life."""

from __future__ import annotations

import random

import pytest

from aegispay.supervision import Backoff, RestartIntensity
from tests.unit.supervision.rig import STEADY, BadError, Family, elapse, virtual

PATIENT = RestartIntensity(restarts=100, period_s=1_000)


def delays(family):
    return [each.delay_s for each in family.reports.latest() if each.action == "restarting"]


def test_each_pause_is_longer_by_the_factor_up_to_the_longest():
    backoff = Backoff(min_s=0.5, max_s=10, factor=3, jitter=0)
    source = random.Random(0)
    assert [backoff.delay_s(restarts, source) for restarts in range(5)] == [0.5, 1.5, 4.5, 10, 10]


def test_the_random_share_is_taken_off_the_pause():
    backoff = Backoff(min_s=1, max_s=8, factor=2, jitter=0.25)
    drawn = random.Random(7)
    expected = [full * (1 - 0.25 * drawn.random()) for full in (1, 2, 4, 8, 8)]
    source = random.Random(7)
    assert [backoff.delay_s(restarts, source) for restarts in range(5)] == expected


def test_two_sources_of_one_seed_give_the_same_pauses():
    first, second = random.Random(3), random.Random(3)
    assert [Backoff().delay_s(n, first) for n in range(9)] == [Backoff().delay_s(n, second) for n in range(9)]


@pytest.mark.parametrize("factor", [2.0, 1e6, 1e300])
def test_however_often_it_crashes_the_pause_is_a_number(factor):
    assert Backoff(max_s=5, factor=factor, jitter=0).delay_s(1_000_000, random.Random(0)) == 5


@virtual
async def test_a_child_that_crashes_again_and_again_waits_longer_each_time():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=PATIENT)
        for _ in range(5):
            family.crash("a")
            await elapse(10)
        assert delays(family) == [1, 2, 4, 8, 8]


@virtual
async def test_it_is_started_when_the_pause_is_over_and_not_before():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await elapse(0.999)
        assert family.states("a") == {"a": "suspended"}
        await elapse(0.002)
        assert family.states("a") == {"a": "ready"}


@virtual
async def test_a_supervisor_draws_its_pauses_from_the_source_it_was_given():
    async with Family() as family:
        backoff = Backoff(min_s=1, max_s=8, factor=2, jitter=0.5)
        await family.start(family.specs("a", backoff=backoff), intensity=PATIENT)
        for _ in range(3):
            family.crash("a")
            await elapse(10)
        drawn = random.Random(0)
        assert delays(family) == pytest.approx([full * (1 - 0.5 * drawn.random()) for full in (1, 2, 4)])


@virtual
async def test_a_start_that_fails_again_waits_longer_as_well():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=PATIENT)
        family.fail("start", "a", BadError(), BadError())
        family.crash("a")
        await elapse(20)
        assert delays(family) == [1, 2, 4]
        assert family.states("a") == {"a": "ready"}


@virtual
async def test_a_child_that_ended_and_then_cannot_start_waits_longer_as_well():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=PATIENT)
        family.fail("start", "a", BadError(), BadError())
        family.system.find("a").stop(block=False)
        await elapse(20)
        assert delays(family) == [1, 2, 4]
        assert family.states("a") == {"a": "ready"}


@virtual
async def test_after_a_quiet_life_the_shortest_pause_comes_first_again():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=PATIENT)
        for _ in range(3):
            family.crash("a")
            await elapse(10)
        await elapse(STEADY.reset_after_s)
        family.crash("a")
        await elapse(10)
        assert delays(family) == [1, 2, 4, 1]


@virtual
async def test_a_life_that_was_a_moment_too_short_resets_nothing():
    async with Family() as family:
        await family.start(family.specs("a"), intensity=PATIENT)
        family.crash("a")
        await elapse(1 + STEADY.reset_after_s - 0.001)
        family.crash("a")
        await elapse(10)
        assert delays(family) == [1, 2]


@virtual
async def test_each_child_has_pauses_of_its_own():
    async with Family() as family:
        await family.start(family.specs("ab"), intensity=PATIENT)
        for name in ("a", "a", "b"):
            family.crash(name)
            await elapse(10)
        assert delays(family) == [1, 2, 1]
