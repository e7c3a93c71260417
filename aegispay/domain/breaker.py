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


class BreakerScope(StrEnum):
    """Which first sends one breaker guards; a provider's refunds may fail while its charges work."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


_SLOTS = 12
"""The window moves in twelfths: memory and work per call stay the same however many calls there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens and closes.

    Attributes:
        failures_max: it takes this many gateway faults within the window to open it; fewer may be chance.
        failure_share_min: and they must be at least this share of the calls since the first of them: a gateway that
            fails one call in a thousand is worth more than no gateway.
        calls_min: and there must have been this many calls since the first of them; `failures_max` alone is a minimum
            already, so this matters where it is small.
        window_s: how far back faults count, in steps of a twelfth.
        open_s: how long it stays open before probes are let through.
        probes_max: probes in flight at once while half open; a recovering gateway must not be stampeded.
        successes_to_close: this many successful probes close it; one may be luck.
    """

    failures_max: int = 5
    failure_share_min: float = 0.2
    calls_min: int = 1
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
            whole("breaker.calls_min", self.calls_min),
            seconds("breaker.window_s", self.window_s),
            seconds("breaker.open_s", self.open_s),
            whole("breaker.probes_max", self.probes_max),
            whole("breaker.successes_to_close", self.successes_to_close),
            hint="Correct the BreakerPolicy.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What happened in a twelfth of the window.

    Attributes:
        starts_at: seconds of the breaker's clock.
    """

    starts_at: float
    faults: int = 0
    successes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A breaker's whole memory; times are seconds of one clock that the caller chooses.

    Attributes:
        since: when this state began; it tells the result of a call admitted in an earlier state from this one's.
        slots: while closed, calls from the first fault that counts, oldest first; empty without faults.
        probes: probes in flight while half open.
        probing_since: since when probes have been in flight and none has answered; ``None`` when that is not so.
        successes: good probes in a row while half open.
        forced_because: the operator's reason; while there is one, the state changes by no call and no time.
    """

    state: BreakerState = BreakerState.CLOSED
    since: float = 0.0
    slots: tuple[Slot, ...] = ()
    probes: int = 0
    probing_since: float | None = None
    successes: int = 0
    forced_because: str = ""

    @property
    def is_forced(self) -> bool:
        """Whether an operator holds it in its state."""
        return bool(self.forced_because)

    @property
    def is_open_by_itself(self) -> bool:
        """Whether it is open, and will be half open some time."""
        return self.state is BreakerState.OPEN and not self.is_forced


def tick(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker:
    """Let time pass: a pause that is over leads to half open, and probes that never answer lead back to open."""
    if breaker.is_forced:
        return breaker
    match breaker.state:
        case BreakerState.OPEN if now - breaker.since >= policy.open_s:
            return end_pause(breaker, now)
        case BreakerState.HALF_OPEN if breaker.probes > 0:
            if breaker.probing_since is None:
                return replace(breaker, probing_since=now)
            if now - breaker.probing_since >= policy.open_s:
                return Breaker(state=BreakerState.OPEN, since=now)
    return breaker


def end_pause(breaker: Breaker, now: float) -> Breaker:
    """Let probes through: the pause is over, or there is evidence that the gateway is back."""
    return Breaker(state=BreakerState.HALF_OPEN, since=now) if breaker.is_open_by_itself else breaker


def has_place(breaker: Breaker, policy: BreakerPolicy) -> bool:
    """Return whether one more call may be made."""
    if breaker.state is BreakerState.HALF_OPEN:
        return breaker.probes < policy.probes_max
    return breaker.state is BreakerState.CLOSED


def admit(breaker: Breaker, policy: BreakerPolicy) -> tuple[Breaker, bool]:
    """Ask to make one call: the breaker after it, and whether the call may be made."""
    if not has_place(breaker, policy):
        return breaker, False
    if breaker.state is BreakerState.HALF_OPEN:
        return replace(breaker, probes=breaker.probes + 1), True
    return breaker, True


def record(breaker: Breaker, policy: BreakerPolicy, now: float, *, is_fault: bool) -> Breaker:
    """Take into account the result of a call that was admitted in the breaker's present state."""
    if breaker.is_forced:
        return breaker
    match breaker.state:
        case BreakerState.CLOSED:
            return _record_closed(breaker, policy, now, is_fault=is_fault)
        case BreakerState.HALF_OPEN:
            return _record_probe(breaker, policy, now, is_fault=is_fault)
        case BreakerState.OPEN:
            # A call that was admitted before the breaker opened: it says nothing new.
            return breaker


def force(state: BreakerState, *, reason: str, now: float) -> Breaker:
    """Return a breaker that stays as an operator wants it."""
    return Breaker(state=state, since=now, forced_because=reason)


def _record_closed(breaker: Breaker, policy: BreakerPolicy, now: float, *, is_fault: bool) -> Breaker:
    if not is_fault and not breaker.slots:
        # Good calls before the first fault buy no patience.
        return breaker
    slots = count(breaker.slots, policy.window_s, now, is_fault=is_fault)
    if is_fault and _is_too_much(slots, policy):
        return Breaker(state=BreakerState.OPEN, since=now)
    return replace(breaker, slots=slots)


def _is_too_much(slots: tuple[Slot, ...], policy: BreakerPolicy) -> bool:
    faults = sum(slot.faults for slot in slots)
    calls = faults + sum(slot.successes for slot in slots)
    is_enough = faults >= policy.failures_max and calls >= policy.calls_min
    return is_enough and faults / calls >= policy.failure_share_min


def count(slots: tuple[Slot, ...], window_s: float, now: float, *, is_fault: bool) -> tuple[Slot, ...]:
    """Return the window with one more call in it, and without what no longer counts."""
    kept = recent(slots, window_s, now)
    if not kept and not is_fault:
        return ()
    if not kept or now - kept[-1].starts_at >= window_s / _SLOTS:
        kept = (*kept, Slot(starts_at=now))
    last = kept[-1]
    # Not by `replace`, which costs more than all the rest; this runs for every call while there are recent faults.
    counted = Slot(starts_at=last.starts_at, faults=last.faults + is_fault, successes=last.successes + (not is_fault))
    return (*kept[:-1], counted)


def recent(slots: tuple[Slot, ...], window_s: float, now: float) -> tuple[Slot, ...]:
    """Return what still counts: from the first twelfth with a fault in it."""
    first = 0
    while first < len(slots) and (now - slots[first].starts_at >= window_s or not slots[first].faults):
        first += 1
    return slots[first:] if first else slots


def _record_probe(breaker: Breaker, policy: BreakerPolicy, now: float, *, is_fault: bool) -> Breaker:
    if is_fault:
        return Breaker(state=BreakerState.OPEN, since=now)
    successes = breaker.successes + 1
    if successes >= policy.successes_to_close:
        return Breaker(since=now)
    return replace(breaker, probes=max(0, breaker.probes - 1), probing_since=None, successes=successes)
