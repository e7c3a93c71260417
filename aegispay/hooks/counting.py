"""Durable counters for hooks: how often something was done in a window of time, over all payments and restarts."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.card_data import shown
from aegispay.domain.text import text
from aegispay.errors import FieldError, ValidationError

NAME_MAX = 255
"""Characters of what is counted: a customer's id, a token, an address. It is hashed before it is stored."""
WINDOW_MAX_S = 90 * 86_400.0
"""Ninety days: the longest window that card networks count by is thirty."""
MOST_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """One payment more of something, of which there may be at most `most` within any `window_s` seconds.

    Attributes:
        name: what is counted, such as ``card`` or ``customer``; stands in the reason when it is full.
        value: of which: a token, an id, an address. Only a keyed hash of it is stored.
    """

    name: str
    value: str
    most: int
    window_s: float

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        text("count.name", self.name, longest=32)
        text("count.value", self.value, longest=NAME_MAX)
        if type(self.most) is not int or not 0 <= self.most <= MOST_MAX:
            message = f"use a whole number from 0 to {MOST_MAX}"
            raise ValidationError([FieldError("count.most", message, shown(self.most))])
        if isinstance(self.window_s, bool) or not isinstance(self.window_s, int | float):
            raise ValidationError([FieldError("count.window_s", "use a number of seconds", shown(self.window_s))])
        if not 0 < self.window_s <= WINDOW_MAX_S:
            message = f"use more than 0 and at most {WINDOW_MAX_S:g} seconds"
            raise ValidationError([FieldError("count.window_s", message, shown(self.window_s))])
