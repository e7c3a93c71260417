"""A wall clock that jumps."""

from __future__ import annotations

from datetime import datetime, timedelta

from aegispay.chaos import faults as f
from aegispay.chaos.injector import Injector, Point
from aegispay.ports import Clock

_POINT = Point("clock")


class ChaosClock:
    """The clock inside, off by what the plan says now. Monotonic time never jumps, by its contract."""

    def __init__(self, clock: Clock, injector: Injector) -> None:
        self._inner = clock
        self._injector = injector
        self._jumps = injector.of(f.ClockJump)
        self._is_off: dict[str, bool] = {}

    def now(self) -> datetime:
        """Return the wall clock as it is off now, aware UTC."""
        off_s = 0.0
        for jump in self._jumps:
            is_on = self._injector.is_on(jump)
            if is_on and not self._is_off.get(jump.place):
                self._injector.record(jump, _POINT)
            self._is_off[jump.place] = is_on
            off_s += jump.fault.by_s if is_on else 0.0
        return self._inner.now() + timedelta(seconds=off_s) if off_s else self._inner.now()

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return self._inner.monotonic()
