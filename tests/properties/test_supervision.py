"""The arithmetic of supervision against models too simple to be wrong."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from aegispay.actors import StopReason
from aegispay.supervision import (
    Backoff,
    Decider,
    RestartIntensity,
    RestartType,
    Strategy,
    Verdict,
    affected,
    record_restart,
)
from aegispay.testing import run_virtual
from tests.unit.supervision.crowd import THREE_IN_SIXTY, Crowd
from tests.unit.supervision.rig import BadError, Crash, Family, Work, WorseError, elapse

times = st.lists(st.integers(0, 100_000), max_size=60).map(sorted)
intensities = st.builds(RestartIntensity, restarts=st.integers(0, 10), period_s=st.integers(1, 10_000))


def histories(times_s, intensity):
    """Return (history, verdict) after each restart."""
    history: tuple[float, ...] = ()
    found = []
    for now in times_s:
        history, is_exceeded = record_restart(history, now, intensity)
        found.append((history, is_exceeded))
    return found


@given(times, intensities)
def test_the_history_is_what_lies_within_the_period(times_s, intensity):
    for index, (history, _) in enumerate(histories(times_s, intensity)):
        now = times_s[index]
        assert history == tuple(at for at in times_s[: index + 1] if at > now - intensity.period_s)


@given(times, intensities)
def test_too_many_is_one_more_than_allowed_within_one_period(times_s, intensity):
    for index, (_, is_exceeded) in enumerate(histories(times_s, intensity)):
        oldest = index - intensity.restarts
        is_too_many = oldest >= 0 and times_s[index] - times_s[oldest] < intensity.period_s
        assert is_exceeded is is_too_many


@given(times, intensities, st.integers(-50_000, 50_000))
def test_only_distances_count_not_when_the_clock_began(times_s, intensity, shift):
    shifted = histories([at + shift for at in times_s], intensity)
    assert [verdict for _, verdict in shifted] == [verdict for _, verdict in histories(times_s, intensity)]


@given(times, intensities)
def test_whoever_gives_up_in_time_keeps_no_more_than_one_beyond_what_is_allowed(times_s, intensity):
    history: tuple[float, ...] = ()
    for now in times_s:
        history, is_exceeded = record_restart(history, now, intensity)
        assert len(history) <= intensity.restarts + 1
        if is_exceeded:
            return


@given(times, intensities, st.integers(0, 10))
def test_who_allows_more_never_gives_up_earlier(times_s, intensity, more):
    patient = RestartIntensity(restarts=intensity.restarts + more, period_s=intensity.period_s)
    for (_, strict), (_, mild) in zip(histories(times_s, intensity), histories(times_s, patient), strict=True):
        assert strict or not mild


seconds = st.just(0.0) | st.floats(1e-6, 1_000)
seeds = st.integers(0, 2**32)
restart_counts = st.integers(0, 3_000)


@st.composite
def backoffs(draw, *, jitter=None):
    shortest, longest = sorted((draw(seconds), draw(seconds)))
    return Backoff(
        min_s=shortest,
        max_s=longest,
        factor=draw(st.floats(1, 1e12)),
        jitter=draw(st.floats(0, 1)) if jitter is None else jitter,
    )


@given(backoffs(jitter=0), restart_counts, seeds)
def test_a_pause_is_the_shortest_one_times_the_factor_for_each_restart(backoff, restarts, seed):
    expected = backoff.min_s
    for _ in range(restarts):
        expected = min(backoff.max_s, expected * backoff.factor)
    assert math.isclose(backoff.delay_s(restarts, random.Random(seed)), expected, rel_tol=1e-9)


@given(backoffs(), restart_counts, seeds)
def test_a_pause_is_never_longer_than_the_longest_nor_shorter_than_what_the_random_share_leaves(
    backoff, restarts, seed
):
    delay_s = backoff.delay_s(restarts, random.Random(seed))
    least = backoff.min_s * (1 - backoff.jitter)
    assert least - 1e-9 * least <= delay_s <= backoff.max_s


@given(backoffs(), st.integers(0, 200), seeds)
def test_the_random_share_alone_separates_a_pause_from_the_full_one(backoff, restarts, seed):
    full = Backoff(min_s=backoff.min_s, max_s=backoff.max_s, factor=backoff.factor, jitter=0)
    full_s = full.delay_s(restarts, random.Random(seed))
    delay_s = backoff.delay_s(restarts, random.Random(seed))
    drawn = random.Random(seed).random()
    assert math.isclose(delay_s, full_s * (1 - backoff.jitter * drawn), rel_tol=1e-12, abs_tol=1e-300)


@given(backoffs(), restart_counts, st.integers(1, 50), seeds)
def test_pauses_never_shrink_from_restart_to_restart(backoff, restarts, more, seed):
    earlier = backoff.delay_s(restarts, random.Random(seed))
    assert backoff.delay_s(restarts + more, random.Random(seed)) >= earlier


@given(backoffs(), restart_counts, seeds)
def test_every_pause_draws_exactly_one_number(backoff, restarts, seed):
    source, expected = random.Random(seed), random.Random(seed)
    backoff.delay_s(restarts, source)
    expected.random()
    assert source.getstate() == expected.getstate()


families = st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=12, unique=True)


@given(families, st.data(), st.sampled_from(Strategy))
def test_who_is_restarted_keeps_the_order_of_start_and_includes_the_crashed_child(children, data, strategy):
    crashed = data.draw(st.sampled_from(children))
    chosen = affected(strategy, children, crashed)
    assert crashed in chosen
    assert list(chosen) == [name for name in children if name in chosen]


@given(families, st.data())
def test_strategies_are_the_child_alone_the_tail_and_everybody(children, data):
    index = data.draw(st.integers(0, len(children) - 1))
    crashed = children[index]
    assert affected(Strategy.ONE_FOR_ONE, children, crashed) == (crashed,)
    assert affected(Strategy.REST_FOR_ONE, children, crashed) == tuple(children[index:])
    assert affected(Strategy.ONE_FOR_ALL, children, crashed) == tuple(children)


NAMES = "abcd"
steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.3, 1.0, 2.5]),
        st.sampled_from(["crash", "give up", "end", "stop", "work", "fail make", "fail start", "fail stop", "slow"]),
        st.sampled_from(NAMES),
    ),
    max_size=20,
)
kinds = st.tuples(*[st.sampled_from(RestartType)] * len(NAMES))


class Trouble(Family):
    """A family that gets into trouble step by step, and counts who was answered."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def step(self, action, name):
        ref = self.system.find(name)
        match action, ref:
            case "fail make" | "fail start" | "fail stop", _:
                self.fail(action.removeprefix("fail "), name, BadError())
            case "slow", _:
                for times_s in (self.start_s, self.stop_s, self.failure_s):
                    times_s[name] = 1.7
            case _, None:
                pass
            case "crash", _:
                self.asked.append(ref.ask(Crash(BadError()), block=False, timeout=1_000))
            case "give up", _:
                self.asked.append(ref.ask(Crash(WorseError()), block=False, timeout=1_000))
            case "work", _:
                self.asked.append(ref.ask(Work(2.0), block=False, timeout=1_000))
            case "end", _:
                self.asked.append(ref.stop(block=False, timeout=1_000))
            case "stop", _:
                ref.cell.request_stop(StopReason.SHUTDOWN)

    async def calm_down(self):
        for trouble in (self.failures, self.start_s, self.stop_s, self.failure_s):
            trouble.clear()
        await elapse(300)


async def live_through(plan, restarts, strategy):
    async with Trouble() as family:
        decider = Decider({WorseError: Verdict.STOP})
        specs = [family.spec(name, restart=kind, decider=decider) for name, kind in zip(NAMES, restarts, strict=True)]
        await family.start(specs, strategy=strategy, intensity=RestartIntensity(restarts=10_000, period_s=1))
        for pause_s, action, name in plan:
            family.step(action, name)
            await elapse(pause_s)
        await family.calm_down()
        given_up = {name for _, action, name in plan if action == "give up"}
        for name, kind in zip(NAMES, restarts, strict=True):
            is_lasting = kind is RestartType.PERMANENT and name not in given_up
            assert family.states(name)[name] in ({"ready"} if is_lasting else {"ready", "gone"})
        in_tree = {node.name: node.state for node in (await family.tree()).children}
        assert in_tree == {name: "ready" for name in NAMES if family.states(name)[name] == "ready"}
        assert all(asked.reply.done() for asked in family.asked)
        assert family.root.cell.incarnation == 0
        await family.system.stop(family.root)
        assert family.system.stats().actors == 0


@given(steps, kinds, st.sampled_from(Strategy), st.none() | st.integers(0, 1_000))
def test_after_any_trouble_everybody_who_should_runs_and_nobody_hangs(plan, restarts, strategy, seed):
    run_virtual(live_through(plan, restarts, strategy), seed=seed)


def exhausted_by(rounds):
    """Return who is exhausted, in order, when children crash in rounds of (seconds since the last one, names)."""
    now, crashes, exhausted = 0.0, {}, []
    for pause_s, names in rounds:
        now += pause_s
        for name in names:
            recent = [at for at in crashes.get(name, []) if now - at < THREE_IN_SIXTY.period_s]
            crashes[name] = [*recent, now]
            if len(crashes[name]) > THREE_IN_SIXTY.restarts:
                exhausted.append(name)
                crashes[name] = []
    return exhausted


async def crash_in_rounds(rounds):
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=1_000, period_s=10))
        for pause_s, names in rounds:
            await elapse(pause_s)
            await crowd.crash_now(*names)
        assert [name for name, _ in crowd.exhausted] == exhausted_by(rounds)
        await elapse(10)
        assert set(crowd.states(*NAMES).values()) <= {"ready", "gone"}


rounds_of_crashes = st.lists(
    st.tuples(st.sampled_from([5.0, 20.0, 59.0, 60.0, 61.0]), st.lists(st.sampled_from(NAMES), unique=True)),
    max_size=15,
)


@given(rounds_of_crashes)
def test_of_many_exactly_those_are_exhausted_who_crashed_too_often_themselves(rounds):
    run_virtual(crash_in_rounds(rounds))
