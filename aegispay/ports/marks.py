"""Durable counters: what was done, by key and time, written together with the events that did it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

KEY_MAX = 128
"""Characters of a key: room for a name and a hash, not for a text."""
LIMITS_MAX = 8
"""Limits of one mark: a network has two."""
MOST_MAX = 100_000
"""The largest limit: to find out whether it is reached, a store steps over so many entries of an index."""


@dataclass(frozen=True, slots=True)
class MarkLimit:
    """At most `most` marks within any window of `window_s` seconds."""

    window_s: float
    most: int

    def __post_init__(self) -> None:
        """Refuse what no store could count by."""
        if not 0 < self.window_s < float("inf"):
            raise ValueError(f"window_s must be a positive number of seconds, it is {self.window_s}")
        if not 0 <= self.most <= MOST_MAX:
            raise ValueError(f"most must be from 0 to {MOST_MAX}, it is {self.most}")

    def begins_after(self, at: datetime) -> datetime:
        """Return the start of the window that ends at `at`; what lies at the start itself is outside."""
        return at - timedelta(seconds=self.window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One count to be made, and what must not be exceeded by making it.

    Attributes:
        key: what is counted. It lies in the store as it is: take a keyed hash of anything that identifies a payer.
        at: when it was done, aware UTC.
        keep_s: how long the mark must be remembered; at least the longest window anybody counts it by.
        limits: each one is checked before the append is written; empty for counting only.
    """

    key: str
    at: datetime
    keep_s: float
    limits: tuple[MarkLimit, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no store could count by."""
        if not 1 <= len(self.key) <= KEY_MAX:
            raise ValueError(f"a key has 1 to {KEY_MAX} characters, this one has {len(self.key)}")
        if len(self.limits) > LIMITS_MAX:
            raise ValueError(f"a mark has at most {LIMITS_MAX} limits, this one has {len(self.limits)}")
        longest_s = max((limit.window_s for limit in self.limits), default=0.0)
        if not longest_s <= self.keep_s < float("inf"):
            raise ValueError(f"keep_s must cover the longest window of {longest_s} s, it is {self.keep_s}")

    @property
    def expires_at(self) -> datetime:
        """When nobody counts it any more."""
        return self.at + timedelta(seconds=self.keep_s)


def broken_limit(mark: Mark, nth_newest: Callable[[int], datetime | None]) -> tuple[MarkLimit, datetime] | None:
    """Return the first limit that one more mark would break, and when there is room again; ``None`` if none.

    Marks later than this one count as well: a clock that was put back must not make room.

    Args:
        mark: what is to be added.
        nth_newest: gives the time of the newest mark of its key for 1, of the one before for 2; ``None`` beyond the
            oldest.
    """
    for limit in mark.limits:
        if limit.most == 0:
            return limit, mark.expires_at
        at = nth_newest(limit.most)
        if at is not None and at > limit.begins_after(mark.at):
            return limit, at + timedelta(seconds=limit.window_s)
    return None
