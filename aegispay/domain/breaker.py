"""The circuit breaker as a value: pure steps from one state to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from aegispay.domain.limits import refuse, seconds, share, whole


class BreakerState(StrEnum):
    """Whether calls pass: all, none, or a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_FAILURES_KEPT = 1_000
"""Faults remembered of a gateway that takes so many calls that they do not open its breaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens and closes.

    Attributes:
        failures_max: it takes this many gateway faults within the window to open it; fewer may be chance.
        failure_share_min: and they must be at least this share of the calls since the first of them: a gateway that
            fails one call in a thousand is worth more than no gateway.
        window_s: how far back faults count.
        open_s: how long it stays open before probes are let through.
        probes_max: probes in flight at once while half open; a recovering gateway must not be stampeded.
        successes_to_close: this many successful probes close it; one may be luck.
    """

    failures_max: int = 5
    failure_share_min: float = 0.2
    window_s: float = 60.0
    open_s: float = 60.0
    probes_max: int = 3
    successes_to_close: int = 2

    def __post_init__(self) -> None:
        """Refuse a breaker that could not work.

        Raises:
            ValidationError: naming every setting that makes no sense.
        """
        refuse(
            whole("breaker.failures_max", self.failures_max),
            share("breaker.failure_share_min", self.failure_share_min),
            seconds("breaker.window_s", self.window_s),
            seconds("breaker.open_s", self.open_s),
            whole("breaker.probes_max", self.probes_max),
            whole("breaker.successes_to_close", self.successes_to_close),
            hint="Correct the BreakerPolicy.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A breaker's whole memory; times are seconds of one clock that the caller chooses.

    Attributes:
        since: when this state began; it tells the result of a call admitted in an earlier state from this one's.
        failures: times of the faults that still count.
        probes: probes in flight while half open.
        probing_since: since when probes have been in flight and none has answered; ``None`` when that is not so.
        successes: good probes in a row while half open; while closed, good calls since the first fault that counts.
    """

    state: BreakerState = BreakerState.CLOSED
    since: float = 0.0
    failures: tuple[float, ...] = ()
    probes: int = 0
    probing_since: float | None = None
    successes: int = 0


def tick(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker:
    """Let time pass: a pause that is over leads to half open, and probes that never answer lead back to open."""
    match breaker.state:
        case BreakerState.OPEN if now - breaker.since >= policy.open_s:
            return Breaker(state=BreakerState.HALF_OPEN, since=now)
        case BreakerState.HALF_OPEN if breaker.probes > 0:
            if breaker.probing_since is None:
                return replace(breaker, probing_since=now)
            if now - breaker.probing_since >= policy.open_s:
                return Breaker(state=BreakerState.OPEN, since=now)
    return breaker


def admit(breaker: Breaker, policy: BreakerPolicy) -> tuple[Breaker, bool]:
    """Ask to make one call: the breaker after it, and whether the call may be made."""
    if breaker.state is BreakerState.CLOSED:
        return breaker, True
    if breaker.state is BreakerState.HALF_OPEN and breaker.probes < policy.probes_max:
        return replace(breaker, probes=breaker.probes + 1), True
    return breaker, False


def record(breaker: Breaker, policy: BreakerPolicy, now: float, *, is_fault: bool) -> Breaker:
    """Take into account the result of a call that was admitted in the breaker's present state."""
    match breaker.state:
        case BreakerState.CLOSED:
            return _record_closed(breaker, policy, now, is_fault=is_fault)
        case BreakerState.HALF_OPEN:
            return _record_probe(breaker, policy, now, is_fault=is_fault)
        case BreakerState.OPEN:
            # A call that was admitted before the breaker opened: it says nothing new.
            return breaker


def _record_closed(breaker: Breaker, policy: BreakerPolicy, now: float, *, is_fault: bool) -> Breaker:
    if not is_fault:
        return replace(breaker, successes=breaker.successes + 1) if breaker.failures else breaker
    kept = tuple(at for at in breaker.failures if now - at < policy.window_s)
    # Good calls carry no times: those that went with the faults that no longer count are taken off in proportion.
    successes = breaker.successes * len(kept) // len(breaker.failures) if breaker.failures else 0
    recent = (*kept, now)
    share_of_faults = len(recent) / (len(recent) + successes)
    if len(recent) >= policy.failures_max and share_of_faults >= policy.failure_share_min:
        return Breaker(state=BreakerState.OPEN, since=now)
    return replace(breaker, failures=recent[-_FAILURES_KEPT:], successes=successes)


def _record_probe(breaker: Breaker, policy: BreakerPolicy, now: float, *, is_fault: bool) -> Breaker:
    if is_fault:
        return Breaker(state=BreakerState.OPEN, since=now)
    successes = breaker.successes + 1
    if successes >= policy.successes_to_close:
        return Breaker(since=now)
    return replace(breaker, probes=max(0, breaker.probes - 1), probing_since=None, successes=successes)
