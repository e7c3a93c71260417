"""When a consumer as a whole is down: one try now and then, instead of a dead letter for every event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aegispay.domain.routing.draws import draw_of, part_of

PAUSE_FIRST_S = 2.0
PAUSE_MAX_S = 60.0
"""A consumer that is back is noticed within a minute."""
_JITTER = 0.2
_DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What the last tries say about a consumer.

    Attributes:
        failing: payments whose last tries failed, since the last success of any.
        pauses: how often in a row it was paused.
        until: when to try one event; ``None`` while it is not paused.
    """

    failing: frozenset[str] = frozenset()
    pauses: int = 0
    until: datetime | None = None

    @property
    def is_paused(self) -> bool:
        """Whether at most one event is tried at a time."""
        return self.until is not None

    def failed(
        self, payment_id: str, *, at: datetime, pause_after: int, subscriber: str, wish_s: float = 0.0
    ) -> Outage:
        """Return what a failed try makes of it.

        One payment that keeps failing says nothing about the consumer: several have to, with no success in between.

        Args:
            payment_id: whose event it was.
            at: when it failed.
            pause_after: so many failing payments mean that the consumer is down.
            subscriber: its name, from which the jitter is drawn.
            wish_s: how long the consumer wants to be left alone.
        """
        if self.until is not None and at < self.until:
            # It was under way when the pause began.
            return replace(self, until=max(self.until, at + timedelta(seconds=wish_s)))
        failing = self.failing if self.is_paused else self.failing | {payment_id}
        if len(failing) < pause_after:
            return Outage(failing=failing)
        drawn = part_of(draw_of("pause", subscriber, self.pauses))
        pause_s = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** min(self.pauses, _DOUBLINGS_MAX)) * (1 - _JITTER * drawn)
        until = at + timedelta(seconds=max(pause_s, wish_s))
        return Outage(failing=failing, pauses=self.pauses + 1, until=until)
