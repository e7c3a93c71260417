from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aegispay.outbox.steady_time import SteadyTime

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class TwoClocks:
    def __init__(self):
        self.wall, self.ran_s = NOON, 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.ran_s

    def run(self, seconds, jump_s=0.0):
        self.ran_s += seconds
        self.wall += timedelta(seconds=seconds + jump_s)


def test_it_is_the_wall_clock_while_that_runs_well():
    clocks = TwoClocks()
    time = SteadyTime(clocks)
    clocks.run(90)
    assert time.now() == NOON + timedelta(seconds=90)


def test_it_goes_on_when_the_clock_is_set_back():
    clocks = TwoClocks()
    time = SteadyTime(clocks)
    clocks.run(10, jump_s=-10_800)
    assert time.now() == NOON + timedelta(seconds=10)
    clocks.run(20)
    assert time.now() == NOON + timedelta(seconds=30)


def test_it_follows_when_the_clock_is_set_forward():
    clocks = TwoClocks()
    time = SteadyTime(clocks)
    clocks.run(10, jump_s=3_600)
    assert time.now() == NOON + timedelta(seconds=3_610)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(-100_000, 100_000)), max_size=20))
def test_between_two_looks_passes_at_least_as_much_as_passed(steps):
    clocks = TwoClocks()
    time = SteadyTime(clocks)
    before = time.now()
    for seconds, jump_s in steps:
        clocks.run(seconds, jump_s)
        after = time.now()
        assert after - before >= timedelta(seconds=seconds)
        before = after
