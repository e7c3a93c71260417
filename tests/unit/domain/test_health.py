"""The sliding window of a gateway's calls, and the score made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.breaker import BreakerState
from aegispay.domain.health import HealthSummary, HealthWindow, Weights, health_score
from aegispay.errors import ValidationError


def window_of(*latencies_s: float, faults: int = 0) -> HealthWindow:
    window = HealthWindow(window_s=300)
    for index, latency_s in enumerate(latencies_s):
        window.record(0.0, latency_s=latency_s, is_fault=index < faults)
    return window


def close_above(exact: float) -> object:
    """Return what a percentile of `exact` may be: the upper end of its class, at most 35 % more."""
    return pytest.approx(exact * 1.175, rel=0.16)


def test_an_empty_window_knows_nothing():
    summary = HealthWindow().summary(0)
    assert summary == HealthSummary()
    assert summary.success_rate is None
    assert summary.latency_p50_s is None


def test_calls_and_faults_are_counted():
    summary = window_of(*[0.1] * 10, faults=3).summary(0)
    assert (summary.calls, summary.faults, summary.success_rate) == (10, 3, 0.7)


def test_percentiles_are_exact_to_their_class():
    summary = window_of(*[n / 1000 for n in range(1, 1001)]).summary(0)
    assert summary.latency_p50_s == close_above(0.500)
    assert summary.latency_p95_s == close_above(0.950)
    assert summary.latency_p99_s == close_above(0.990)


def test_one_slow_call_of_a_hundred_shows_in_no_percentile_but_two_do():
    assert window_of(*[0.01] * 99, 10.0).summary(0).latency_p99_s == close_above(0.01)
    assert window_of(*[0.01] * 98, 10.0, 10.0).summary(0).latency_p99_s == close_above(10.0)


def test_a_latency_beyond_every_class_is_the_largest_class():
    summary = window_of(10**6).summary(0)
    assert summary.latency_p50_s == pytest.approx(121.4, abs=0.5)


def test_old_calls_are_forgotten_in_steps_and_then_altogether():
    window = HealthWindow(window_s=300)
    window.record(0.0, latency_s=0.1, is_fault=True)
    window.record(100.0, latency_s=0.1, is_fault=False)
    assert window.summary(299.9).calls == 2
    assert (window.summary(300.0).calls, window.summary(300.0).faults) == (1, 0)
    assert window.summary(400.0).calls == 0


def test_memory_does_not_grow_with_calls_or_time():
    window = HealthWindow(window_s=300)
    for at in range(10_000):
        window.record(float(at), latency_s=0.01, is_fault=False)
    assert len(window._slots) <= 12


def test_what_is_saved_and_restored_is_the_same_window_with_its_age():
    window = window_of(0.1, 0.2, 0.3, faults=1)
    other = HealthWindow(window_s=300)
    other.restore(1_000.0, window.dump(50.0))
    assert other.summary(1_000.0) == window.summary(50.0)
    assert other.summary(1_249.9).calls == 3
    assert other.summary(1_250.0).calls == 0


def test_a_gateway_without_calls_is_trusted_and_a_perfect_one_nearly_full():
    assert health_score(HealthSummary(), BreakerState.CLOSED) == 1.0
    assert health_score(window_of(*[0.001] * 100).summary(0), BreakerState.CLOSED) > 0.99


def test_the_breaker_halves_or_takes_the_score():
    assert health_score(HealthSummary(), BreakerState.HALF_OPEN) == 0.5
    assert health_score(HealthSummary(), BreakerState.OPEN) == 0.0


def test_the_score_is_the_formula_it_says():
    summary = HealthSummary(calls=10, faults=5, latency_p95_s=2.0)
    assert health_score(summary, BreakerState.CLOSED) == pytest.approx(0.7 * 0.5 + 0.3 * 0.5)
    assert health_score(summary, BreakerState.CLOSED, Weights(success=1, latency=0)) == 0.5


@pytest.mark.parametrize(("success", "latency"), [(0.7, 0.7), (-0.1, 1.1), (0, 0), (1, 1)])
def test_weights_that_would_leave_the_scale_are_refused(success, latency):
    with pytest.raises(ValidationError, match="health_weights"):
        Weights(success=success, latency=latency)


@given(
    calls=st.lists(st.tuples(st.floats(0, 1_000), st.booleans()), max_size=50),
    breaker=st.sampled_from(BreakerState),
    success=st.floats(0, 1),
)
def test_the_score_stays_between_0_and_1(calls, breaker, success):
    window = HealthWindow()
    for latency_s, is_fault in calls:
        window.record(0.0, latency_s=latency_s, is_fault=is_fault)
    weights = Weights(success=success, latency=1 - success)
    assert 0.0 <= health_score(window.summary(0.0), breaker, weights) <= 1.0 + 1e-9


@given(faults=st.integers(0, 99))
def test_more_faults_never_make_a_better_score(faults):
    better, worse = (window_of(*[0.1] * 100, faults=n).summary(0) for n in (faults, faults + 1))
    assert health_score(worse, BreakerState.CLOSED) < health_score(better, BreakerState.CLOSED)
