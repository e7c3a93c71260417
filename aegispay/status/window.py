"""What happened lately: the difference between two moments of counters that only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from aegispay.domain.state import PaymentState
from aegispay.observability import semantics as s
from aegispay.observability.series import Distribution, empty
from aegispay.observability.snapshot import EngineMetrics
from aegispay.status.picture import LatelyPicture

_MOMENTS = 31
"""A minute, at a picture every two seconds."""


@dataclass(frozen=True, slots=True)
class _Moment:
    at_s: float
    payments: int
    events: int
    durations: Distribution
    size: Distribution
    commit: Distribution


class Window:
    """The last moments, oldest first."""

    def __init__(self) -> None:
        self._moments: deque[_Moment] = deque(maxlen=_MOMENTS)

    def add(self, metrics: EngineMetrics, at_s: float) -> None:
        """Take in the counters as they are at this monotonic second."""
        moment = _Moment(
            at_s=at_s,
            payments=metrics.payments.get(PaymentState.INITIATED.value, 0),
            events=sum(metrics.events.values()),
            durations=_together(metrics.durations.values()),
            size=metrics.commits.size,
            commit=metrics.commits.latency,
        )
        self._moments.append(moment)

    def payments_per_s(self) -> tuple[float, ...]:
        """Return how many payments were begun per second between each two moments."""
        return tuple(_rate(new.payments - old.payments, new.at_s - old.at_s) for old, new in pairwise(self._moments))

    def lately(self) -> LatelyPicture | None:
        """Return all moments together; ``None`` where there are not two of them."""
        if len(self._moments) < 2:
            return None
        old, new = self._moments[0], self._moments[-1]
        seconds = new.at_s - old.at_s
        durations = _since(old.durations, new.durations)
        size, commit = _since(old.size, new.size), _since(old.commit, new.commit)
        return LatelyPicture(
            seconds=round(seconds, 3),
            payments_per_s=_rate(new.payments - old.payments, seconds),
            events_per_s=_rate(new.events - old.events, seconds),
            payment_p50_s=durations.p50,
            payment_p95_s=durations.p95,
            commits_per_s=_rate(commit.count, seconds),
            writes_per_commit=size.total / size.count if size.count else None,
            commit_p50_s=commit.p50,
            commit_p95_s=commit.p95,
        )


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 2) if seconds > 0 else 0.0


def _together(found: Iterable[Distribution]) -> Distribution:
    return sum(found, start=empty(s.PAYMENT_DURATION))


def _since(old: Distribution, new: Distribution) -> Distribution:
    """Return the values that came between; the largest is that of all, for no other is known."""
    counts = tuple(after - before for before, after in zip(old.counts, new.counts, strict=True))
    return Distribution(new.bounds, counts, new.total - old.total, new.largest)
