"""Payments that are left alone for a while, because the gateway they want to ask had no room for the question."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.routing.draws import draw_of, part_of
from aegispay.ports import Clock

_LONGEST_S = 300.0
"""A pause normally ends when an earlier question does; this is for when none is under way."""
_TRIES_PER_S = 10
"""How often all that wait for one gateway together try again by themselves: often enough to get going again."""
_DOUBLINGS_MAX = 16
_SPREAD = 0.5
"""How much longer than its pause a payment may wait, so that those refused together do not come back together."""


@dataclass(slots=True)
class _Pause:
    until_s: float = 0.0
    times: int = 0
    gateway: str = ""


class Pauses:
    """Until when whose durable timer is not to be answered, and who comes next when a gateway has room again.

    Lost in a restart, after which everybody is asked about anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[str, _Pause] = {}
        self._queues: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        """Return how many payments are known here."""
        return len(self._pauses)

    def is_on(self, payment_id: str) -> bool:
        """Return whether the payment is to be left alone now."""
        pause = self._pauses.get(payment_id)
        return pause is not None and self._clock.monotonic() < pause.until_s

    def begin(self, payment_id: str, pause_s: float) -> None:
        """Leave the payment alone for so many seconds."""
        self._pauses.setdefault(payment_id, _Pause()).until_s = self._clock.monotonic() + pause_s

    def grow(self, payment_id: str, gateway: str, first_s: float, *, at_least_s: float = 0.0) -> float:
        """Leave the payment alone, for twice as long as the last time, or until the gateway has room for it.

        Args:
            payment_id: which.
            gateway: who refused it.
            first_s: seconds of its first pause.
            at_least_s: when the gateway's own limits allow another try.

        Returns:
            Seconds that the pause takes at most.
        """
        pause, queue = self._pauses.setdefault(payment_id, _Pause()), self._queues.setdefault(gateway, {})
        queue[payment_id] = None
        grown_s = max(first_s * 2.0 ** min(pause.times, _DOUBLINGS_MAX), len(queue) / _TRIES_PER_S)
        pause_s: float = max(first_s, at_least_s, min(grown_s, _LONGEST_S))
        pause_s *= 1 + _SPREAD * part_of(draw_of(payment_id, pause.times))
        pause.times, pause.gateway = pause.times + 1, gateway
        self.begin(payment_id, pause_s)
        return pause_s

    def next_of(self, gateway: str) -> str | None:
        """End the pause of whoever has waited longest for this gateway; return who that is."""
        payment_id = next(iter(self._queues.get(gateway, ())), None)
        if payment_id is not None:
            self._pauses[payment_id].until_s = 0.0
            self.asked(payment_id)
        return payment_id

    def asked(self, payment_id: str) -> None:
        """Let the payment wait for room no more; how often it had to is remembered until `end`."""
        pause = self._pauses.get(payment_id)
        if pause is not None:
            self._queues.get(pause.gateway, {}).pop(payment_id, None)

    def end(self, payment_id: str) -> None:
        """Forget the payment: it is known what became of its question, or nothing has to be asked."""
        self.asked(payment_id)
        self._pauses.pop(payment_id, None)
