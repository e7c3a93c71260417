"""How much of a gateway may be used at once, and by whom: concurrency, calls per second, and what is kept free."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.adaptive import AdaptivePolicy
from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse, share, whole
from aegispay.errors import FieldError

_RATE_MAX = 1_000_000.0
_SHARED_FROM = 4
"""Below this many places at once there is nothing to share."""


class Lane(StrEnum):
    """Who wants to call, by how much can be lost when he cannot.

    A charge can go to another gateway. A question is asked again. A capture, void or refund can be made here only.
    """

    CHARGE = "charge"
    QUESTION = "question"
    OPERATION = "operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """How much of one gateway may be used.

    Attributes:
        concurrency_max: calls in flight at once; ``None`` for what the gateway's contract says, which is the upper
            bound in any case.
        rate_per_s: calls per second in the long run; ``None`` for no limit.
        burst: calls that may be made at once after a pause; ``None`` for what the rate gives in a second.
        reserved_share: part of places and of burst that charges leave free; the half of it is for captures, voids and
            refunds alone, the rest also for questions about earlier calls. A tenth is enough to be served at once.
        adaptive: how the concurrency follows latency; ``None`` for not at all, because only who knows the provider
            can say whether slow answers mean overload there.
    """

    concurrency_max: int | None = None
    rate_per_s: float | None = None
    burst: int | None = None
    reserved_share: float = 0.1
    adaptive: AdaptivePolicy | None = None

    def __post_init__(self) -> None:
        """Refuse limits that could not work.

        Raises:
            ValidationError: naming every setting that makes no sense.
        """
        refuse(
            () if self.concurrency_max is None else whole("limits.concurrency_max", self.concurrency_max),
            _rate("limits.rate_per_s", self.rate_per_s),
            () if self.burst is None else whole("limits.burst", self.burst),
            _burst_without_rate(self),
            share("limits.reserved_share", self.reserved_share),
            hint="Correct the LimitPolicy.",
        )

    @property
    def capacity(self) -> float:
        """Tokens that the bucket holds; infinite without a rate."""
        if self.rate_per_s is None:
            return math.inf
        return float(max(1, math.ceil(self.rate_per_s)) if self.burst is None else self.burst)


def _rate(field: str, value: float | None) -> Iterator[FieldError]:
    if value is not None and (isinstance(value, bool) or not 0.0 < value <= _RATE_MAX):
        yield FieldError(field, "use more than 0 calls per second, at most a million, or None", shown(value))


def _burst_without_rate(policy: LimitPolicy) -> Iterator[FieldError]:
    if policy.burst is not None and policy.rate_per_s is None:
        yield FieldError(
            "limits.burst", "needs rate_per_s: without a rate there is nothing to burst", shown(policy.burst)
        )


# --- places ---------------------------------------------------------------------------------------------


def places(limit: int, policy: LimitPolicy, lane: Lane) -> int:
    """Return how many calls may be in flight for one more of this lane to be refused; at least 1."""
    kept = max(1, round(limit * policy.reserved_share)) if limit >= _SHARED_FROM and policy.reserved_share > 0 else 0
    match lane:
        case Lane.CHARGE:
            return max(1, limit - kept)
        case Lane.QUESTION:
            return max(1, limit - (kept + 1) // 2)
        case Lane.OPERATION:
            return limit


# --- tokens ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls that may be made now.

    Attributes:
        tokens: whole ones count. at: when it held them, in seconds of the caller's clock.
    """

    tokens: float
    at: float


def full_bucket(policy: LimitPolicy, now: float) -> Bucket:
    """Return a bucket as it is after a long pause."""
    return Bucket(policy.capacity, now)


def refill(bucket: Bucket, policy: LimitPolicy, now: float) -> Bucket:
    """Let time pass; also bring a bucket that was filled under another policy within this one's bounds."""
    if policy.rate_per_s is None:
        return Bucket(math.inf, now)
    if math.isinf(bucket.tokens):
        return full_bucket(policy, now)
    elapsed_s = max(0.0, now - bucket.at)
    return Bucket(min(policy.capacity, bucket.tokens + elapsed_s * policy.rate_per_s), max(now, bucket.at))


def take(bucket: Bucket, policy: LimitPolicy, now: float, lane: Lane) -> tuple[Bucket, bool]:
    """Ask for one call: the bucket after it, and whether the call may be made."""
    refilled = refill(bucket, policy, now)
    if refilled.tokens < _needed(policy, lane):
        return refilled, False
    return Bucket(refilled.tokens - 1.0, refilled.at), True


def give_back(bucket: Bucket) -> Bucket:
    """Return the bucket as it was before a call that was not made after all."""
    return Bucket(bucket.tokens + 1.0, bucket.at)


def wait_s(bucket: Bucket, policy: LimitPolicy, lane: Lane) -> float:
    """Return after how many seconds a call of this lane may be made, if nobody else makes one; 0 when now."""
    if policy.rate_per_s is None:
        return 0.0
    return max(0.0, _needed(policy, lane) - bucket.tokens) / policy.rate_per_s


def _needed(policy: LimitPolicy, lane: Lane) -> float:
    """Return how many tokens there must be; never more than fit in, so that everybody's turn comes."""
    if policy.rate_per_s is None:
        return 1.0
    kept = policy.capacity * policy.reserved_share
    match lane:
        case Lane.CHARGE:
            return min(1.0 + kept, policy.capacity)
        case Lane.QUESTION:
            return min(1.0 + kept / 2, policy.capacity)
        case Lane.OPERATION:
            return 1.0
