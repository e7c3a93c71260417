"""What a breaker counts: a window in twelfths, a minimum of calls, and what it costs."""

from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.breaker import Breaker, BreakerPolicy, BreakerState, Slot, record

CLOSED, OPEN, HALF_OPEN = BreakerState


def after(policy, *results, every_s=0.1, breaker=None):
    """Return the breaker after calls, one each `every_s`: true for good ones."""
    breaker = breaker or Breaker()
    for number, is_good in enumerate(results):
        breaker = record(breaker, policy, number * every_s, is_fault=not is_good)
    return breaker


def test_it_takes_both_the_number_of_faults_and_their_share():
    policy = BreakerPolicy(failures_max=4, failure_share_min=0.5)
    assert after(policy, False, False, False).state is CLOSED
    assert after(policy, False, False, False, False).state is OPEN
    assert after(policy, *[False, True, True] * 4).state is CLOSED
    assert after(policy, *[False, True] * 3, False).state is OPEN


def test_where_one_fault_would_do_a_minimum_of_calls_keeps_it_closed_until_there_are_so_many():
    policy = BreakerPolicy(failures_max=1, failure_share_min=0.2, calls_min=10)
    assert after(policy, *[False] * 9).state is CLOSED
    assert after(policy, *[False] * 10).state is OPEN
    assert after(policy, False, *[True] * 8, False).state is OPEN
    assert after(BreakerPolicy(failures_max=1), False).state is OPEN


def test_a_fault_counts_for_at_least_eleven_twelfths_of_the_window_and_never_longer_than_all_of_it():
    policy = BreakerPolicy(failures_max=2, window_s=60)
    for first in (0.0, 4.9):
        early = record(record(Breaker(), policy, 0.0, is_fault=True), BreakerPolicy(), first, is_fault=False)
        assert record(early, policy, first + 54.9, is_fault=True).state is OPEN
        assert record(early, policy, first + 60.0, is_fault=True).state is CLOSED


def test_good_calls_before_the_first_fault_that_counts_buy_no_patience_however_the_window_moves():
    policy = BreakerPolicy(failures_max=5, window_s=60)
    breaker = record(Breaker(), policy, 0.0, is_fault=True)
    for at in range(1, 70):
        for _ in range(10):
            breaker = record(breaker, policy, float(at), is_fault=False)
    assert breaker.slots == ()
    for tenth in range(5):
        breaker = record(breaker, policy, 70.0 + tenth / 10, is_fault=True)
    assert breaker.state is OPEN


@given(
    results=st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans()), max_size=200),
    share=st.floats(0.01, 1.0),
    failures_max=st.integers(1, 20),
)
def test_it_never_remembers_more_than_twelve_parts_and_opens_only_with_enough_recent_faults(
    results, share, failures_max
):
    policy = BreakerPolicy(failures_max=failures_max, failure_share_min=share, window_s=60.0)
    breaker, now, faults = Breaker(), 0.0, list[float]()
    for pause_s, is_fault in results:
        now += pause_s
        faults += [now] * is_fault
        breaker = record(breaker, policy, now, is_fault=is_fault)
        assert len(breaker.slots) <= 12
        if breaker.state is OPEN:
            assert is_fault
            assert sum(now - at < 60.0 for at in faults) >= failures_max
            breaker, faults = Breaker(since=now), []
        else:
            assert all(isinstance(slot, Slot) and now - slot.starts_at < 60.0 for slot in breaker.slots[-1:])


def test_a_gateway_that_fails_every_call_opens_at_exactly_the_number_however_many_came_before():
    policy = BreakerPolicy(failures_max=7)
    for good in (0, 3, 1_000):
        assert after(policy, *[True] * good, *[False] * 6, every_s=0.01).state is CLOSED
        assert after(policy, *[True] * good, *[False] * 7, every_s=0.01).state is OPEN
