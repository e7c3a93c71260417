"""Places and tokens: never more than allowed, and something left for who cannot go elsewhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.adaptive import AdaptivePolicy
from aegispay.domain.throttle import Bucket, Lane, LimitPolicy, full_bucket, give_back, places, refill, take, wait_s
from aegispay.errors import ValidationError

CHARGE, QUESTION, OPERATION = Lane
rates = st.floats(0.1, 1_000.0)
policies = st.builds(
    LimitPolicy, rate_per_s=rates, burst=st.integers(1, 500), reserved_share=st.floats(0.0, 1.0), adaptive=st.none()
)


def test_a_tenth_of_the_places_is_kept_half_of_it_for_operations_alone():
    assert [places(256, LimitPolicy(), lane) for lane in Lane] == [230, 243, 256]
    assert [places(4, LimitPolicy(), lane) for lane in Lane] == [3, 3, 4]


def test_where_there_is_nothing_to_share_everybody_may_have_all():
    for limit in (1, 2, 3):
        assert {places(limit, LimitPolicy(), lane) for lane in Lane} == {limit}
    assert {places(256, LimitPolicy(reserved_share=0.0), lane) for lane in Lane} == {256}


@given(limit=st.integers(1, 10_000), share=st.floats(0.0, 1.0))
def test_a_charge_never_finds_a_place_that_a_question_does_not_nor_that_one_an_operation_does_not(limit, share):
    policy = LimitPolicy(reserved_share=share)
    found = [places(limit, policy, lane) for lane in Lane]
    assert 1 <= found[0] <= found[1] <= found[2] == limit
    if limit >= 4 and share > 0:
        assert found[1] < limit


def calls_made(policy, lane, times, bucket=None):
    bucket = full_bucket(policy, 0.0) if bucket is None else bucket
    made = []
    for now in times:
        bucket, is_left = take(bucket, policy, now, lane)
        made += [now] * is_left
    return made, bucket


def test_a_burst_is_let_through_and_then_the_rate():
    policy = LimitPolicy(rate_per_s=10.0, burst=5, reserved_share=0.0)
    made, _ = calls_made(policy, CHARGE, [0.0] * 20)
    assert len(made) == 5
    made, _ = calls_made(policy, CHARGE, [step / 100 for step in range(1_000)])
    assert len(made) == 5 + 99


@given(policy=policies, times=st.lists(st.floats(0.0, 100.0), max_size=100), lane=st.sampled_from(Lane))
def test_in_no_time_span_are_there_more_calls_than_burst_and_rate_allow(policy, times, lane):
    made, _ = calls_made(policy, lane, sorted(times))
    for first, start in enumerate(made):
        for last in range(first, len(made)):
            assert last - first + 1 <= policy.burst + (made[last] - start) * policy.rate_per_s + 1e-6


@given(policy=policies)
def test_charges_never_take_the_last_tokens_while_the_bucket_holds_more_than_is_kept(policy):
    _, bucket = calls_made(policy, CHARGE, [0.0] * 600)
    kept = min(policy.capacity * policy.reserved_share, policy.capacity - 1.0)
    assert bucket.tokens >= kept - 1e-9
    made, _ = calls_made(policy, OPERATION, [0.0] * 600, bucket)
    assert len(made) == math.floor(bucket.tokens)


@given(policy=policies, lane=st.sampled_from(Lane), tokens=st.floats(0.0, 600.0))
def test_after_the_time_it_names_the_call_is_let_through_and_shortly_before_it_is_not(policy, lane, tokens):
    bucket = refill(Bucket(tokens, 0.0), policy, 0.0)
    pause_s = wait_s(bucket, policy, lane)
    assert take(bucket, policy, pause_s * (1 + 1e-9) + 1e-6, lane)[1]
    if pause_s > 1e-3:
        assert not take(bucket, policy, pause_s - 1e-3, lane)[1]


def test_a_call_that_was_not_made_gives_its_token_back():
    policy = LimitPolicy(rate_per_s=1.0, burst=1)
    taken, _ = take(full_bucket(policy, 0.0), policy, 0.0, CHARGE)
    assert not take(taken, policy, 0.0, CHARGE)[1]
    assert take(give_back(taken), policy, 0.0, CHARGE)[1]


def test_without_a_rate_nothing_is_counted_and_a_rate_that_comes_later_starts_full():
    free, later = LimitPolicy(), LimitPolicy(rate_per_s=2.0)
    made, bucket = calls_made(free, CHARGE, [0.0] * 10_000)
    assert len(made) == 10_000
    assert refill(bucket, later, 5.0) == Bucket(2.0, 5.0)
    assert wait_s(bucket, free, CHARGE) == 0.0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing():
    policy = LimitPolicy(rate_per_s=10.0, burst=1)
    made, _ = calls_made(policy, CHARGE, [5.0, 5.0, 4.0, 4.5, 5.0])
    assert made == [5.0]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"concurrency_max": 0}, "limits.concurrency_max"),
        ({"concurrency_max": True}, "limits.concurrency_max"),
        ({"rate_per_s": 0.0}, "limits.rate_per_s"),
        ({"rate_per_s": math.inf}, "limits.rate_per_s"),
        ({"rate_per_s": math.nan}, "limits.rate_per_s"),
        ({"rate_per_s": -1.0}, "limits.rate_per_s"),
        ({"burst": 0, "rate_per_s": 1.0}, "limits.burst"),
        ({"burst": 5}, "limits.burst"),
        ({"reserved_share": 1.1}, "limits.reserved_share"),
        ({"reserved_share": math.nan}, "limits.reserved_share"),
    ],
)
def test_limits_that_could_not_work_are_refused_by_name(changes, field):
    with pytest.raises(ValidationError, match=field):
        LimitPolicy(**changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limit_min": 0}, "limit_min"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"tolerance": math.nan}, "tolerance"),
        ({"backoff": 1.5}, "backoff"),
        ({"period_s": 0.0}, "period_s"),
        ({"baseline_half_life_s": -1.0}, "baseline_half_life_s"),
    ],
)
def test_an_adaptive_limit_that_could_not_work_is_refused_by_name(changes, field):
    with pytest.raises(ValidationError, match=field):
        AdaptivePolicy(**changes)
