"""The marks of the store in memory."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from datetime import datetime

from aegispay.errors import LimitReachedError
from aegispay.ports.marks import Mark, broken_limit


class MemoryMarks:
    """Times by key, oldest first; nothing is forgotten, because nothing of a store in memory is."""

    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = {}

    def check(self, payment_id: str, marks: Sequence[Mark]) -> None:
        """Refuse an append that would break a limit.

        Raises:
            LimitReachedError: naming the limit.
        """
        for mark in marks:
            times = self._times.get(mark.key, [])
            broken = broken_limit(mark, lambda place, times=times: times[-place] if place <= len(times) else None)  # type: ignore[misc]
            if broken is not None:
                limit, frees_at = broken
                raise LimitReachedError(
                    payment_id=payment_id, key=mark.key, most=limit.most, window_s=limit.window_s, frees_at=frees_at
                )

    def add(self, marks: Sequence[Mark]) -> None:
        """Count."""
        for mark in marks:
            insort(self._times.setdefault(mark.key, []), mark.at)

    def count(self, keys: Sequence[str], since: datetime) -> dict[str, int]:
        """Return how many marks each key has after `since`."""
        return {key: len(times) - bisect_right(times, since) for key in keys for times in (self._times.get(key, []),)}
