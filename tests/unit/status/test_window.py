"""Rates and percentiles of what happened lately."""

from __future__ import annotations

from dataclasses import replace

from aegispay.observability import semantics as s
from aegispay.observability.series import Histogram
from aegispay.observability.snapshot import NOTHING, CommitMetrics
from aegispay.status.window import Window


class Counters:
    """What an engine would count."""

    def __init__(self):
        self.begun = self.events = 0
        self.durations, self.size, self.commit = (
            Histogram(each) for each in (s.PAYMENT_DURATION, s.COMMIT_SIZE, s.COMMIT_DURATION)
        )

    def read(self):
        commits = CommitMetrics()
        if self.size.read():
            commits = CommitMetrics(size=self.size.read()[()], latency=self.commit.read()[()])
        return replace(
            NOTHING,
            payments={"initiated": self.begun},
            events={"payment.initiated": self.events},
            durations={state: found for (state,), found in self.durations.read().items()},
            commits=commits,
        )


def test_one_moment_says_nothing():
    window = Window()
    assert (window.lately(), window.payments_per_s()) == (None, ())
    window.add(Counters().read(), 10.0)
    assert (window.lately(), window.payments_per_s()) == (None, ())


def test_rates_are_those_between_two_moments():
    window, counters = Window(), Counters()
    for at_s, begun in ((0.0, 0), (2.0, 10), (6.0, 10), (7.0, 15)):
        counters.begun, counters.events = begun, 4 * begun
        window.add(counters.read(), at_s)
    assert window.payments_per_s() == (5.0, 0.0, 5.0)
    lately = window.lately()
    assert (lately.seconds, lately.payments_per_s, lately.events_per_s) == (7.0, 2.14, 8.57)


def test_what_was_long_ago_is_forgotten():
    window, counters = Window(), Counters()
    for _ in range(100):
        counters.durations.record(50.0, ("failure",))
        counters.commit.record(9.0)
        counters.size.record(500.0)
    window.add(counters.read(), -2.0)
    window.add(counters.read(), 0.0)
    for second in range(1, 31):
        counters.durations.record(0.2, ("success",))
        counters.commit.record(0.002)
        counters.size.record(4.0)
        counters.size.record(2.0)
        counters.commit.record(0.002)
        window.add(counters.read(), float(second))
    lately = window.lately()
    assert (lately.seconds, lately.commits_per_s, lately.writes_per_commit) == (30.0, 2.0, 3.0)
    assert 0 < (lately.payment_p95_s or 0) < 1.0
    assert 0 < (lately.commit_p95_s or 0) < 0.1
    assert len(window.payments_per_s()) == 30


def test_without_commits_there_is_nothing_to_say_about_them():
    window, counters = Window(), Counters()
    window.add(counters.read(), 0.0)
    window.add(counters.read(), 1.0)
    lately = window.lately()
    assert (lately.commits_per_s, lately.writes_per_commit, lately.commit_p50_s, lately.payment_p50_s) == (
        0.0, None, None, None,
    )  # fmt: skip


def test_two_moments_at_one_instant_are_no_division_by_zero():
    window, counters = Window(), Counters()
    window.add(counters.read(), 1.0)
    counters.begun = 5
    window.add(counters.read(), 1.0)
    assert window.payments_per_s() == (0.0,)
