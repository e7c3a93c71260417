"""Time for what must be waited for: it follows the wall clock, but never goes back with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from aegispay.ports import Clock


class SteadyTime:
    """Where the wall clock is set back, time goes on from where it was; where it is set forward, it follows.

    A retry that is due in a minute is so also when the clock is set back by an hour meanwhile.

    Args:
        clock: both of the machine's clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.now()
        self._last_s = clock.monotonic()

    def now(self) -> datetime:
        """Return the time, aware UTC; never before what was returned earlier."""
        now_s = self._clock.monotonic()
        goes_on = self._last + timedelta(seconds=now_s - self._last_s)
        self._last, self._last_s = max(goes_on, self._clock.now()), now_s
        return self._last
