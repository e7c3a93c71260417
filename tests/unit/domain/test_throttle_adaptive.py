"""The concurrency limit that follows latency: within bounds, down to what the gateway can do, and up again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay.domain.adaptive import Adaptive, AdaptivePolicy, observe

POLICY = AdaptivePolicy()
LIMIT_MAX = 256


def fed(adaptive, latencies_s, *, start_s=0.0, every_s=0.1, policy=POLICY, limit_max=LIMIT_MAX):
    for number, latency_s in enumerate(latencies_s):
        adaptive = observe(adaptive, policy, start_s + number * every_s, latency_s=latency_s, limit_max=limit_max)
    return adaptive


class Provider:
    """Serves so many calls at once at full speed; beyond that, all of them take proportionally longer."""

    def __init__(self, capacity, latency_s=0.2):
        self.capacity = capacity
        self.latency_s = latency_s

    def answer_s(self, in_flight):
        return self.latency_s * max(1.0, in_flight / self.capacity)


def under_load(provider, adaptive, seconds, *, start_s=0.0, load=1_000):
    """Return the limit at the end of each second while as many calls as are allowed are in flight."""
    limits, at = [], start_s
    for second in range(int(seconds)):
        for step in range(10):
            at = start_s + second + step / 10
            latency_s = provider.answer_s(min(load, int(adaptive.limit)))
            adaptive = observe(adaptive, POLICY, at, latency_s=latency_s, limit_max=LIMIT_MAX)
        limits.append(adaptive.limit)
    return limits, adaptive


@given(
    calls=st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(-1.0, 1_000.0)), max_size=200),
    limit_min=st.integers(1, 300),
    limit_max=st.integers(1, 300),
    start=st.floats(1.0, 300.0),
)
def test_the_limit_stays_within_its_bounds_whatever_the_latency(calls, limit_min, limit_max, start):
    policy = AdaptivePolicy(limit_min=limit_min)
    adaptive, now = Adaptive(limit=start), 0.0
    for pause_s, latency_s in calls:
        now += pause_s
        before, adaptive = adaptive, observe(adaptive, policy, now, latency_s=latency_s, limit_max=limit_max)
        if adaptive.limit != before.limit or (before.began_at != adaptive.began_at and before.calls):
            assert min(limit_min, limit_max) <= adaptive.limit <= limit_max


def test_steady_latency_leaves_the_limit_at_its_maximum():
    adaptive = fed(Adaptive(limit=256.0), [0.2, 0.3, 0.25] * 500)
    assert adaptive.limit == 256.0


def test_it_shrinks_as_soon_as_answers_take_more_than_twice_as_long_and_not_at_less():
    calm = fed(Adaptive(limit=256.0), [0.2] * 100)
    assert fed(calm, [0.39] * 50, start_s=10.0).limit == 256.0
    assert fed(calm, [0.45] * 12, start_s=10.0).limit == 256.0 * 0.75
    assert fed(calm, [0.45] * 52, start_s=10.0).limit < 256.0 * 0.75**4


@given(capacity=st.integers(10, 80))
@settings(max_examples=30)
def test_it_converges_to_what_an_overloaded_gateway_can_do_within_its_tolerance(capacity):
    """And stays there: slowness of our own making never passes for the gateway's normal latency."""
    calm = fed(Adaptive(limit=256.0), [0.2] * 100)
    limits, loaded = under_load(Provider(capacity), calm, 900, start_s=10.0)
    settled = limits[20:]
    most = 2.0 * 1.02 * capacity + 1.0
    assert max(settled) <= most + most**0.5
    assert min(settled) >= capacity
    assert loaded.baseline_s == pytest.approx(0.2, rel=0.02)


def test_it_is_back_at_its_maximum_half_a_minute_after_the_gateway_has_recovered():
    calm = fed(Adaptive(limit=256.0), [0.2] * 100)
    limits, slow = under_load(Provider(1), calm, 60, start_s=10.0)
    assert limits[-1] < 16
    limits, _ = under_load(Provider(1_000), slow, 40, start_s=70.0)
    assert limits[-1] == 256.0
    assert limits == sorted(limits)


def test_a_gateway_that_has_become_slower_for_good_has_its_full_limit_again_after_a_while():
    calm = fed(Adaptive(limit=256.0), [0.2] * 100)
    slower = fed(calm, [0.6] * 3_600, start_s=10.0, every_s=1.0)
    assert min(fed(calm, [0.6] * 60, start_s=10.0, every_s=1.0).limit, 20) < 20
    assert slower.limit == 256.0


def test_the_baseline_follows_faster_answers_quickly_and_slower_ones_slowly():
    calm = fed(Adaptive(limit=256.0), [0.4] * 100)
    faster = fed(calm, [0.2] * 600, start_s=10.0)
    slower = fed(calm, [0.7] * 600, start_s=10.0)
    assert faster.baseline_s is not None
    assert slower.baseline_s is not None
    assert 0.2 < faster.baseline_s < 0.3
    assert 0.4 < slower.baseline_s < 0.45


def test_nothing_is_judged_before_there_has_been_a_period():
    adaptive = fed(Adaptive(limit=256.0), [0.1, 100.0, 0.1, 100.0])
    assert (adaptive.limit, adaptive.baseline_s, adaptive.calls) == (256.0, None, 4)
