"""What the store keeps of a gateway between two processes; every time is an age, because clocks begin anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from aegispay.domain.approvals import SavedApprovals
from aegispay.domain.breaker import Breaker, BreakerPolicy, BreakerScope, BreakerState, Slot, count
from aegispay.domain.health import SavedSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFaults:
    """A part of a breaker's window.

    Attributes:
        age_s: how long ago it began.
    """

    age_s: float
    faults: int
    successes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBreaker:
    """One breaker.

    Attributes:
        age_s: how long it had been in its state.
        failure_ages_s: how earlier versions kept the window: one age for each fault.
    """

    state: BreakerState
    age_s: float
    slots: tuple[SavedFaults, ...] = ()
    successes: int = 0
    forced_because: str = ""
    failure_ages_s: tuple[float, ...] = ()

    @classmethod
    def of(cls, breaker: Breaker, now: float) -> SavedBreaker:
        """Return what to keep of a breaker."""
        return cls(
            state=breaker.state,
            age_s=now - breaker.since,
            slots=tuple(
                SavedFaults(age_s=now - slot.starts_at, faults=slot.faults, successes=slot.successes)
                for slot in breaker.slots
            ),
            successes=breaker.successes,
            forced_because=breaker.forced_because,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedGateway:
    """What survives a restart of the process.

    Attributes:
        saved_at: seconds since 1970 UTC; ages count from here.
        state, age_s, failure_ages_s: the breaker of charges, as versions with one breaker kept it and still read it.
        breakers: all of them; empty in what such a version kept.
        slots: the window of health.
    """

    saved_at: float
    state: BreakerState
    age_s: float
    failure_ages_s: tuple[float, ...] = ()
    breakers: dict[BreakerScope, SavedBreaker] = field(default_factory=dict)
    slots: tuple[SavedSlot, ...] = ()
    approvals: SavedApprovals | None = None
    is_enabled: bool = True
    disabled_because: str = ""

    def by_scope(self) -> dict[BreakerScope, SavedBreaker]:
        """Return the breakers, whichever version kept them."""
        if self.breakers:
            return self.breakers
        charges = SavedBreaker(state=self.state, age_s=self.age_s, failure_ages_s=self.failure_ages_s)
        return {BreakerScope.CHARGE: charges}


SAVED: TypeAdapter[SavedGateway] = TypeAdapter(SavedGateway)


def breaker_of(saved: SavedBreaker, saved_s: float, policy: BreakerPolicy) -> Breaker:
    """Return the breaker as it was, on a clock that showed `saved_s` then."""
    slots = tuple(
        Slot(starts_at=saved_s - each.age_s, faults=each.faults, successes=each.successes) for each in saved.slots
    )
    for age_s in sorted(saved.failure_ages_s, reverse=True):
        slots = count(slots, policy.window_s, saved_s - age_s, is_fault=True)
    return Breaker(
        state=saved.state,
        since=saved_s - saved.age_s,
        slots=slots,
        successes=saved.successes,
        forced_because=saved.forced_because,
    )
