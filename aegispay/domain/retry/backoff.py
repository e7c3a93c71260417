"""How long to wait before the next attempt where nobody says how long: longer each time, and never all at once."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse
from aegispay.domain.routing.draws import draw_of, source_of
from aegispay.errors import FieldError

DELAY_MAX_S = 31_536_000.0
"""No delay is longer than a year: a payment that waits longer is a new payment."""
_ROUNDS_MAX = 64
"""After so many rounds the cap has long been reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential back-off with decorrelated jitter: each delay lies between `base_s` and three times the one before.

    The delays of one payment are drawn from its id, so that they can be computed again, and differ between payments.

    Attributes:
        base_s: the shortest delay; a minute outlasts most short outages.
        cap_s: the longest delay; six hours reach every time of the day within a day.
    """

    base_s: float = 60.0
    cap_s: float = 21_600.0

    def __post_init__(self) -> None:
        """Refuse delays that are none.

        Raises:
            ValidationError: naming the setting.
        """
        problems = [
            FieldError(f"retry.backoff.{name}", "use seconds, more than 0 and at most a year", shown(value))
            for name, value in (("base_s", self.base_s), ("cap_s", self.cap_s))
            if not is_delay(value)
        ]
        if not problems and self.cap_s < self.base_s:
            problems = [FieldError("retry.backoff.cap_s", "must not be less than base_s", shown(self.cap_s))]
        refuse(problems, hint="Correct the Backoff.")

    def delay_s(self, payment_id: str, number: int) -> float:
        """Return the delay after attempt `number`, from 1, in seconds."""
        delay_s = self.base_s
        for each in range(1, min(number, _ROUNDS_MAX) + 1):
            source = source_of(draw_of(payment_id, each), "backoff")
            delay_s = min(self.cap_s, source.uniform(self.base_s, 3 * delay_s))
        return delay_s


def is_delay(value: object) -> bool:
    """Return whether `value` is a number of seconds that somebody may wait."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= DELAY_MAX_S
