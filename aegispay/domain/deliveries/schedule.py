"""When a delivery that failed is tried again, and when it is given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse, seconds, share
from aegispay.domain.routing.draws import draw_of, part_of
from aegispay.errors import FieldError

TRIES_MAX = 1_000
"""More are a mistake."""
WISH_MAX_S = 86_400.0
"""A consumer may ask to be left alone for a day at most: it cannot put its events off for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """How long to wait after each try in vain. After the last one, the event becomes a dead letter.

    The jitter is drawn from the names of the subscriber and the event, so a run repeats, and many do not come in step.

    Attributes:
        delays_s: after the first try, the second, and so on, in seconds; one try more than there are delays.
        jitter: share of each delay by which it may be shorter.
    """

    delays_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
    jitter: float = 0.2

    def __post_init__(self) -> None:
        """Refuse delays that are none.

        Raises:
            ValidationError: naming the setting.
        """
        # A frozen dataclass has no other way to tidy up what it is given.
        object.__setattr__(self, "delays_s", _as_tuple(self.delays_s))
        refuse(
            _jitter(self.jitter),
            [error for delay_s in self.delays_s for error in seconds("retry.delays_s", delay_s, is_zero_fine=True)],
            hint="Correct the RetrySchedule.",
        )

    @classmethod
    def exponential(
        cls, *, first_s: float = 1.0, cap_s: float = 60.0, tries: int = 10, jitter: float = 0.2
    ) -> RetrySchedule:
        """Return a schedule whose delays double from `first_s` up to `cap_s`, for so many tries in all.

        Raises:
            ValidationError: naming the setting.
        """
        wrong = [*seconds("retry.first_s", first_s), *seconds("retry.cap_s", cap_s)]
        if type(tries) is not int or not 1 <= tries <= TRIES_MAX:
            wrong.append(FieldError("retry.tries", f"use a whole number from 1 to {TRIES_MAX:,}", shown(tries)))
        refuse(wrong, hint="Correct the RetrySchedule.")
        # Beyond 2 ** 60 every cap has long been reached.
        return cls(delays_s=tuple(min(cap_s, first_s * 2.0 ** min(n, 60)) for n in range(tries - 1)), jitter=jitter)

    @property
    def tries(self) -> int:
        """How often an event is tried before it is given up."""
        return len(self.delays_s) + 1

    def delay_after(self, tries: int, *, subscriber: str, event_id: str) -> timedelta | None:
        """Return how long to wait after so many tries in vain, from 1; ``None`` when it is given up."""
        if tries > len(self.delays_s):
            return None
        drawn = part_of(draw_of("delivery", subscriber, event_id, tries))
        return timedelta(seconds=self.delays_s[tries - 1] * (1 - self.jitter * drawn))


def _jitter(jitter: object) -> Iterator[FieldError]:
    if isinstance(jitter, bool) or not isinstance(jitter, int | float):
        yield FieldError("retry.jitter", "use a share from 0.0 to 1.0", shown(jitter))
    else:
        yield from share("retry.jitter", jitter)


def _as_tuple(delays_s: object) -> tuple[float, ...]:
    if not isinstance(delays_s, tuple | list) or len(delays_s) >= TRIES_MAX:
        wrong = FieldError("retry.delays_s", f"use a list of less than {TRIES_MAX:,} delays", type(delays_s).__name__)
        refuse([wrong], hint="Correct the RetrySchedule.")
    return tuple(delays_s)  # type: ignore[arg-type]  # refused otherwise
