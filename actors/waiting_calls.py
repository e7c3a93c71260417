"""Calls that were handed to their gateway's actor and that it has not looked at yet."""

from __future__ import annotations

from aegispay.ports import Clock

_QUESTIONS_MAX = 32
"""Questions are refused with so many calls before them, so that a charge behind them begins in time too."""
_LOST_AFTER = 2.0
"""After so many graces a call is not waiting any more: its message was lost, or nobody wants its answer."""


class WaitingCalls:
    """What waits in each gateway actor's mailbox, in order. An engine that has fallen behind asks no more questions.

    First sends are not refused here: they cannot be asked again without harm, and the mailbox has a bound of its own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: dict[str, dict[str, float]] = {}

    def add(self, gateway: str, operation_id: str) -> None:
        """Count a call as waiting."""
        waiting = self._since_s.setdefault(gateway, {})
        waiting.pop(operation_id, None)
        waiting[operation_id] = self._clock.monotonic()

    def remove(self, gateway: str, operation_id: str) -> None:
        """Count a call as looked at."""
        waiting = self._since_s.get(gateway)
        if waiting is not None:
            waiting.pop(operation_id, None)

    def count(self, gateway: str) -> int:
        """Return how many calls wait for this gateway's actor."""
        return len(self._since_s.get(gateway, ()))

    def has_room(self, gateway: str, grace_s: float) -> bool:
        """Return whether a question handed over now may be expected to begin within `grace_s` seconds.

        It waits about as long as the call at the head of the queue has waited.
        """
        waiting = self._since_s.get(gateway)
        if not waiting:
            return True
        now = self._clock.monotonic()
        while waiting:
            first, since_s = next(iter(waiting.items()))
            if now - since_s <= _LOST_AFTER * grace_s:
                return len(waiting) < _QUESTIONS_MAX and now - since_s < grace_s / 2
            del waiting[first]
        return True
