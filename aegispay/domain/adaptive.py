"""A concurrency limit that follows the gateway: it shrinks when answers take longer, and grows back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from aegispay.domain.limits import refuse, seconds, share, whole
from aegispay.errors import FieldError

_FALLING_FACTOR = 20.0
"""The baseline follows faster answers this much more readily: the fastest time seen is what the gateway can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePolicy:
    """How a concurrency limit follows latency.

    Attributes:
        limit_min: it never shrinks below this; a few calls are needed to see that the gateway has recovered.
        tolerance: mean latency over the baseline from which the gateway counts as overloaded; below twice is noise.
        backoff: what is left of the limit after a slow period.
        period_s: latency is judged once in this time, by its mean.
        baseline_half_life_s: how fast the baseline rises to slower answers; ten minutes outlast a brown-out's
            beginning, and let a gateway that has become slower for good have its full limit again.
    """

    limit_min: int = 4
    tolerance: float = 2.0
    backoff: float = 0.75
    period_s: float = 1.0
    baseline_half_life_s: float = 600.0

    def __post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ValidationError: naming every setting that makes no sense.
        """
        refuse(
            whole("limits.adaptive.limit_min", self.limit_min),
            _more_than_1("limits.adaptive.tolerance", self.tolerance),
            share("limits.adaptive.backoff", self.backoff),
            seconds("limits.adaptive.period_s", self.period_s),
            seconds("limits.adaptive.baseline_half_life_s", self.baseline_half_life_s),
            hint="Correct the AdaptivePolicy.",
        )


def _more_than_1(field: str, value: float) -> list[FieldError]:
    if isinstance(value, int | float) and 1.0 < value <= 1_000.0:
        return []
    return [FieldError(field, "use a factor of more than 1, at most 1000", repr(value))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """What the limit is, and what it is made from; times are seconds of one clock that the caller chooses.

    Attributes:
        limit: calls in flight at once; whole calls count.
        baseline_s: how long an answer takes when nothing is wrong; ``None`` before the first period.
        began_at: when the present period began; ``None`` before the first call.
        calls, total_s: what the present period has seen.
    """

    limit: float
    baseline_s: float | None = None
    began_at: float | None = None
    calls: int = 0
    total_s: float = 0.0


def observe(adaptive: Adaptive, policy: AdaptivePolicy, now: float, *, latency_s: float, limit_max: int) -> Adaptive:
    """Take one answered call into account; a period that is over is judged first.

    Args:
        adaptive: before the call.
        policy: how to follow.
        now: when the answer came.
        latency_s: how long it took.
        limit_max: what the limit may grow to.
    """
    if adaptive.began_at is None:
        adaptive = replace(adaptive, began_at=now)
    elif now - adaptive.began_at >= policy.period_s:
        adaptive = _judge(adaptive, policy, now, limit_max)
    return replace(adaptive, calls=adaptive.calls + 1, total_s=adaptive.total_s + max(0.0, latency_s))


def bounded(limit: float, policy: AdaptivePolicy, limit_max: int) -> float:
    """Return the limit within its bounds; where they contradict each other, the upper one counts."""
    return min(max(limit, float(policy.limit_min)), float(limit_max))


def _judge(adaptive: Adaptive, policy: AdaptivePolicy, now: float, limit_max: int) -> Adaptive:
    if not adaptive.calls:
        return Adaptive(limit=adaptive.limit, baseline_s=adaptive.baseline_s, began_at=now)
    mean_s, baseline_s = adaptive.total_s / adaptive.calls, adaptive.baseline_s
    if baseline_s is None:
        return Adaptive(limit=bounded(adaptive.limit, policy, limit_max), baseline_s=mean_s, began_at=now)
    is_slow = mean_s > policy.tolerance * baseline_s
    # The root grows a small limit by a large part and a large one by a small part: from 4 to 256 in half a minute.
    limit = adaptive.limit * policy.backoff if is_slow else adaptive.limit + math.sqrt(adaptive.limit)
    elapsed_s = now - (now if adaptive.began_at is None else adaptive.began_at)
    is_regulated = policy.limit_min < adaptive.limit < limit_max
    return Adaptive(
        limit=bounded(limit, policy, limit_max),
        baseline_s=_followed(baseline_s, mean_s, policy, elapsed_s, is_regulated=is_regulated),
        began_at=now,
    )


def _followed(
    baseline_s: float, mean_s: float, policy: AdaptivePolicy, elapsed_s: float, *, is_regulated: bool
) -> float:
    """Return the baseline after a period.

    It rises only while the limit is at an end of its range: in between, it may be our own load that makes answers
    slow. And it is never drawn by more than the tolerance: timeouts must not pass for what is normal.
    """
    is_rising = mean_s > baseline_s
    if is_rising and is_regulated:
        return baseline_s
    half_life_s = policy.baseline_half_life_s / (1.0 if is_rising else _FALLING_FACTOR)
    kept = 2.0 ** (-elapsed_s / half_life_s)
    return float(kept * baseline_s + (1.0 - kept) * min(mean_s, policy.tolerance * baseline_s))
