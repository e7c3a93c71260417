"""A brown-out: for a while everything is slow, and much of it fails."""

from __future__ import annotations

from aegispay.ports import Clock
from aegispay.sandbox.faults import Call, Fault, Strike
from aegispay.sandbox.plan import Sent, dice

ERROR_SHARE = 0.3
_SLOWER = 10
_USUAL_LATENCY_S = 0.005
"""What ten times is taken of where the provider answers at once."""


class BrownOut:
    """Knows whether there is one.

    Args:
        clock: what it lasts by.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = float("-inf")

    def start(self, seconds: float) -> None:
        """Let it begin, or last longer."""
        self._until = max(self._until, self._clock.monotonic() + seconds)

    def latency_s(self, usual_s: float) -> float:
        """Return how long a request takes now."""
        return _SLOWER * max(usual_s, _USUAL_LATENCY_S) if self._is_on() else usual_s

    def strike(self, sent: Sent, seed: int) -> Strike | None:
        """Return the failure that hits this request: half of them after it was carried out."""
        if not self._is_on():
            return None
        point = dice(seed, "brown-out", sent).random()
        if point >= ERROR_SHARE:
            return None
        is_carried_out = point < ERROR_SHARE / 2 and sent.call is not Call.LOOKUP
        return Strike.of(Fault.ERROR_504_AFTER if is_carried_out else Fault.ERROR_500_BEFORE)

    def _is_on(self) -> bool:
        return self._clock.monotonic() < self._until
