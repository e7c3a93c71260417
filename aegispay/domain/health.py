"""How well a gateway has been doing lately: a sliding window of counts, and one score from it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from aegispay.domain.breaker import BreakerState
from aegispay.errors import FieldError, ValidationError

_LATENCY_BOUNDS_S = tuple(0.001 * 1.35**step for step in range(40))
"""Upper bounds of the latency classes: 1 ms to two minutes, each 35 % wider, so a percentile is that exact."""
_SLOTS = 12
"""The window moves in twelfths: old calls fade in steps too small to make the score jump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What the health score is made of.

    Attributes:
        success: of the share of calls without a gateway fault; the larger part, because a slow answer is an answer.
        latency: of speed, 2 s / (2 s + p95); payers give up soon after two seconds.

    Raises:
        ValidationError: one is negative, or they do not add up to 1.
    """

    success: float = 0.7
    latency: float = 0.3

    def __post_init__(self) -> None:
        if min(self.success, self.latency) < 0 or not math.isclose(self.success + self.latency, 1.0):
            message = "use two numbers from 0 to 1 that add up to 1"
            raise ValidationError([FieldError("health_weights", message, f"{self.success} and {self.latency}")])


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSummary:
    """What the window holds at one moment.

    Attributes:
        faults: calls that failed through the gateway's own fault; declines are not among them.
        latency_p50_s: half of the calls were at most this slow; ``None`` without calls. Likewise p95 and p99.
    """

    calls: int = 0
    faults: int = 0
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    latency_p99_s: float | None = None

    @property
    def success_rate(self) -> float | None:
        """Share of calls without a gateway fault; ``None`` without calls."""
        return None if self.calls == 0 else 1.0 - self.faults / self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSlot:
    """A twelfth of a window, to be kept.

    Attributes:
        age_s: how long ago it began.
        classes: calls by latency class, where there were any.
    """

    age_s: float
    calls: int
    faults: int
    classes: dict[int, int]


class _Slot:
    __slots__ = ("calls", "classes", "faults", "starts_at")

    def __init__(self, starts_at: float) -> None:
        self.starts_at = starts_at
        self.calls = 0
        self.faults = 0
        self.classes = [0] * (len(_LATENCY_BOUNDS_S) + 1)


class HealthWindow:
    """Counts of the last `window_s` seconds; recording is O(1), memory is constant."""

    def __init__(self, *, window_s: float = 300.0) -> None:
        self._window_s = window_s
        self._slot_s = window_s / _SLOTS
        self._slots: deque[_Slot] = deque()
        self._calls = 0
        self._faults = 0
        self._classes = [0] * (len(_LATENCY_BOUNDS_S) + 1)

    def record(self, now: float, *, latency_s: float, is_fault: bool) -> None:
        """Take one finished call into account.

        Args:
            now: seconds of the caller's monotonic clock.
            latency_s: how long the call took.
            is_fault: whether the gateway is to blame.
        """
        slot = self._slot(now)
        index = bisect_left(_LATENCY_BOUNDS_S, latency_s)
        slot.calls += 1
        slot.faults += is_fault
        slot.classes[index] += 1
        self._calls += 1
        self._faults += is_fault
        self._classes[index] += 1

    def summary(self, now: float) -> HealthSummary:
        """Return counts and percentiles of the window that ends now."""
        self._forget(now)
        if not self._calls:
            return HealthSummary()
        heaped = list(accumulate(self._classes))
        return HealthSummary(
            calls=self._calls,
            faults=self._faults,
            latency_p50_s=_percentile(heaped, 0.50),
            latency_p95_s=_percentile(heaped, 0.95),
            latency_p99_s=_percentile(heaped, 0.99),
        )

    def dump(self, now: float) -> tuple[SavedSlot, ...]:
        """Return what the window holds, oldest first."""
        self._forget(now)
        return tuple(
            SavedSlot(
                age_s=now - slot.starts_at,
                calls=slot.calls,
                faults=slot.faults,
                classes={index: count for index, count in enumerate(slot.classes) if count},
            )
            for slot in self._slots
        )

    def restore(self, at: float, saved: Sequence[SavedSlot]) -> None:
        """Put back what was saved when the caller's clock showed `at`."""
        for each in saved:
            slot = _Slot(at - each.age_s)
            slot.calls, slot.faults = each.calls, each.faults
            for index, count in each.classes.items():
                if 0 <= index < len(slot.classes):
                    slot.classes[index] = count
            self._slots.append(slot)
            self._add(slot, 1)

    def _slot(self, now: float) -> _Slot:
        if not self._slots or now - self._slots[-1].starts_at >= self._slot_s:
            self._forget(now)
            self._slots.append(_Slot(now))
        return self._slots[-1]

    def _forget(self, now: float) -> None:
        while self._slots and now - self._slots[0].starts_at >= self._window_s:
            self._add(self._slots.popleft(), -1)

    def _add(self, slot: _Slot, sign: int) -> None:
        self._calls += sign * slot.calls
        self._faults += sign * slot.faults
        for index, count in enumerate(slot.classes):
            self._classes[index] += sign * count


def _percentile(heaped: Sequence[int], share: float) -> float:
    """Return the upper bound of the class in which the share is reached; `heaped` counts the calls up to each."""
    index = bisect_left(heaped, share * heaped[-1])
    return _LATENCY_BOUNDS_S[min(index, len(_LATENCY_BOUNDS_S) - 1)]


_SLOW_S = 2.0
"""A 95th percentile this slow halves the latency part of the score: payers give up soon after."""
_BREAKER_FACTOR = {BreakerState.CLOSED: 1.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 0.0}
_DOWN_FACTOR = 0.5
"""A failed health check halves the score: it is a reason to prefer others, and no proof that charges fail."""


def health_score(
    summary: HealthSummary, breaker: BreakerState, weights: Weights | None = None, *, is_down: bool = False
) -> float:
    """Return 0.0 (useless) to 1.0 (perfect).

    The score is ``(success weight x success rate + latency weight x slow / (slow + p95)) x breaker factor x liveness
    factor``, where slow is 2 s, the breaker's factor is 1 while closed, 0.5 half open and 0 open, and the liveness
    factor is 0.5 when `is_down`, else 1. Without calls, both parts count as 1.

    Args:
        summary: the recent calls.
        breaker: the breaker of charges.
        weights: of success and latency; 0.7 and 0.3, because a slow answer is still an answer.
        is_down: whether the last health check said no, and no call has proved otherwise.
    """
    weights = weights or Weights()
    rate = 1.0 if summary.success_rate is None else summary.success_rate
    speed = 1.0 if summary.latency_p95_s is None else _SLOW_S / (_SLOW_S + summary.latency_p95_s)
    score = (weights.success * rate + weights.latency * speed) * _BREAKER_FACTOR[breaker]
    return score * _DOWN_FACTOR if is_down else score
