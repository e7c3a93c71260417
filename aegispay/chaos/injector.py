"""Decides what strikes where: windows, rates, bursts, cascades and limits; and writes down what did."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aegispay.chaos.draws import Draws, seconds
from aegispay.chaos.faults import Delay, FaultBase
from aegispay.chaos.plan import ChaosPlan
from aegispay.log import logger
from aegispay.ports import Clock

F = TypeVar("F", bound=FaultBase)


@dataclass(frozen=True, slots=True)
class Point:
    """A place where a fault can strike.

    Attributes:
        group: what it is counted under, such as ``gateway alpha charge``.
        about: what tells it from others of the group: a reference, a payment.
    """

    group: str
    about: str = ""

    def __str__(self) -> str:
        return f"{self.group} {self.about}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault that struck.

    Attributes:
        at_s: seconds since the engine opened.
        fault: its place in the plan.
    """

    at_s: float
    kind: str
    fault: str
    point: str
    about: str


@dataclass(slots=True, eq=False)
class Active:
    """A fault of the plan and what has become of it so far.

    Attributes:
        met: how often it could have struck. struck: how often it did.
        bursts: by gateway, how many more calls it strikes, and until when.
        drawn_in: gateways that a cascade has reached, and until when.
    """

    place: str
    fault: Any
    until_s: float
    met: int = 0
    struck: int = 0
    bursts: dict[str, tuple[int, float]] = field(default_factory=dict)
    drawn_in: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The fault's kind."""
        return str(self.fault.kind)


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes at this passing of a place."""

    active: Active
    point: Point
    passing: int

    @property
    def fault(self) -> Any:
        """What strikes."""
        return self.active.fault


class Injector:
    """One run of a plan.

    Attributes:
        injections: what struck, in order; the latest 10,000. by_kind, by_point: how often.
    """

    def __init__(self, plan: ChaosPlan, seed: int) -> None:
        self.plan = plan
        self.draws = Draws(seed)
        self.injections: deque[Injection] = deque(maxlen=10_000)
        self.by_kind: Counter[str] = Counter()
        self.by_point: Counter[str] = Counter()
        self._actives = [Active(place, fault, until_s) for place, fault, until_s in plan.placed()]
        self._clock: Clock | None = None
        self._began_s = 0.0
        self._is_stopped = False
        self._log = logger("aegispay.chaos")

    def begin(self, clock: Clock) -> None:
        """Start the plan's time; an engine that is opened again goes on with it."""
        if self._clock is None:
            self._clock, self._began_s = clock, clock.monotonic()

    def stop(self, *, is_stopped: bool = True) -> None:
        """Inject nothing more, or go on."""
        self._is_stopped = is_stopped

    @property
    def now_s(self) -> float:
        """Seconds since the engine opened; 0 before."""
        return 0.0 if self._clock is None else self._clock.monotonic() - self._began_s

    @property
    def is_over(self) -> bool:
        """Whether nothing is injected any more, or not yet."""
        full = self.by_kind.total() >= self.plan.injections_max
        return self._is_stopped or self._clock is None or full or self.now_s >= self.plan.duration_s

    def of(self, *kinds: type[Any]) -> list[Active]:
        """Return the plan's faults of these kinds, in its order."""
        return [active for active in self._actives if isinstance(active.fault, kinds)]

    def is_on(self, active: Active) -> bool:
        """Return whether the fault may strike now."""
        if self.is_over or (active.fault.times is not None and active.struck >= active.fault.times):
            return False
        now_s = self.now_s
        return bool(active.fault.window.covers(now_s)) and now_s < active.until_s

    def strikes(
        self, actives: list[Active], point: Point, fits: Callable[[Any], bool], gateway: str = ""
    ) -> list[Strike]:
        """Return which of the faults strike at this passing of the place; the caller carries them out."""
        if not actives or self.is_over:
            return []
        passing = self.draws.passing(str(point))
        return [
            Strike(active, point, passing)
            for active in actives
            if fits(active.fault) and self._hits(active, point, passing, gateway)
        ]

    def _hits(self, active: Active, point: Point, passing: int, gateway: str) -> bool:
        if not self.is_on(active):
            return False
        fault = active.fault
        if self._is_in_burst(active, gateway) or self.now_s < active.drawn_in.get(gateway, 0.0):
            return True
        if getattr(fault, "gateway", None) not in {None, gateway}:
            return False
        active.met += 1
        if fault.every is not None:
            return bool(active.met % fault.every == 0)
        return bool(self.draws.number(active.place, str(point), passing) < fault.rate)

    def _is_in_burst(self, active: Active, gateway: str) -> bool:
        left, until_s = active.bursts.get(gateway, (0, 0.0))
        if left <= 0 or self.now_s >= until_s:
            active.bursts.pop(gateway, None)
            return False
        active.bursts[gateway] = (left - 1, until_s)
        return True

    def delay_s(self, strike: Strike, delay: Delay) -> float:
        """Return how long the delay is this time."""
        return seconds(delay, self.draws.number(strike.active.place, str(strike.point), strike.passing, "delay"))

    def spread(self, strike: Strike, gateway: str, others: list[str]) -> None:
        """Begin the burst and the cascade of a fault that has struck a gateway."""
        active, fault = strike.active, strike.fault
        if fault.burst is not None and gateway not in active.bursts:
            active.bursts[gateway] = (fault.burst.length, self.now_s + fault.burst.within_s)
        if fault.cascade is None or self.now_s < active.drawn_in.get(gateway, 0.0):
            return
        for other in others:
            drawn = self.draws.number(active.place, str(strike.point), strike.passing, f"cascade {other}")
            if drawn < fault.cascade.rate:
                active.drawn_in[other] = self.now_s + fault.cascade.duration_s

    def record(self, active: Active, point: Point) -> None:
        """Count and log what is injected now."""
        active.struck += 1
        self.by_kind[active.kind] += 1
        self.by_point[point.group] += 1
        injection = Injection(
            at_s=round(self.now_s, 6), kind=active.kind, fault=active.place, point=point.group, about=point.about
        )
        self.injections.append(injection)
        self._log.warning(
            "chaos_injected",
            kind=injection.kind,
            fault=injection.fault,
            point=injection.point,
            about=injection.about,
            at_s=injection.at_s,
        )
