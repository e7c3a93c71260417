"""Counters and histograms in memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.observability.semantics import ATTEMPTS, CALL_DURATION, LATENCIES_S
from aegispay.observability.series import OTHER, SERIES_MAX, Counter, Distribution, Histogram, empty


def distribution(*values):
    histogram = Histogram(CALL_DURATION)
    for value in values:
        histogram.record(value, ("alpha", "charge", "approved"))
    return histogram.read()["alpha", "charge", "approved"]


def test_a_counter_adds_up_each_series_by_itself():
    counter = Counter(ATTEMPTS)
    counter.add(("alpha", "first"))
    counter.add(("alpha", "first"), 2)
    counter.add(("beta", "retry"))
    assert counter.read() == {("alpha", "first"): 3, ("beta", "retry"): 1}


def test_what_was_read_does_not_change_any_more():
    counter = Counter(ATTEMPTS)
    counter.add(("alpha", "first"))
    read = counter.read()
    counter.add(("alpha", "first"))
    assert read == {("alpha", "first"): 1}


@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_series_beyond_the_bound_are_one_series_and_nothing_is_lost(kind):
    made = Counter(ATTEMPTS) if kind == "counter" else Histogram(ATTEMPTS)
    for number in range(SERIES_MAX + 500):
        attributes = (f"gateway-{number}", "first")
        made.add(attributes) if kind == "counter" else made.record(1.0, attributes)
    counts = {attributes: found if kind == "counter" else found.count for attributes, found in made.read().items()}
    assert len(counts) == SERIES_MAX + 1
    assert counts[OTHER, OTHER] == 500
    assert sum(counts.values()) == SERIES_MAX + 500


def test_a_value_on_a_bound_falls_into_the_bucket_below_it():
    assert distribution(0.001).counts[0] == 1
    assert distribution(0.0011).counts[1] == 1
    assert distribution(1e9).counts[-1] == 1


def test_a_clock_that_went_back_counts_as_no_time():
    found = distribution(-5.0)
    assert (found.count, found.total, found.counts[0]) == (1, 0.0, 1)


def test_a_histogram_without_values_has_no_percentiles():
    nothing = empty(CALL_DURATION)
    assert (nothing.count, nothing.p50, nothing.p95, nothing.p99) == (0, None, None, None)


def test_two_distributions_together_are_the_distribution_of_all_values():
    assert distribution(0.003, 4.0) + distribution(0.3) == distribution(0.003, 4.0, 0.3)


@given(
    st.lists(st.floats(min_value=0.0, max_value=100.0), min_size=1, max_size=200), st.sampled_from((0.5, 0.95, 0.99))
)
def test_a_percentile_lies_in_the_bucket_of_the_true_one(values, share):
    estimated = distribution(*values).percentile(share)
    true = sorted(values)[max(0, -(-int(share * 100 * len(values)) // 100) - 1)]
    lower = max((bound for bound in LATENCIES_S if bound < true), default=0.0)
    upper = min((bound for bound in LATENCIES_S if bound >= true), default=max(values))
    assert lower <= estimated <= upper


def test_the_percentile_of_many_values_is_close_to_the_true_one():
    source = random.Random(7)
    values = [source.uniform(0.0, 1.0) for _ in range(10_000)]
    found = distribution(*values)
    assert found.p50 == pytest.approx(0.5, abs=0.02)
    assert found.p95 == pytest.approx(0.95, abs=0.02)
    assert found.percentile(1.0) == max(values)


def test_a_percentile_is_never_larger_than_the_largest_value():
    assert distribution(0.0011).p99 == 0.0011
    assert Distribution((1.0,), (0, 0)).p50 is None
