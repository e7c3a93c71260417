"""Counters of hooks in the store: looked at before, and made together with the events of the payment they count."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aegispay.errors import LimitReachedError
from aegispay.hooks.rulings import Counted, Judged
from aegispay.ports import EventStore, Mark, MarkLimit

_PREFIX = "hook:"
"""Keys of other counters begin differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedMark(Mark):
    """A mark that knows what it counts; the store keeps its key only."""

    counted: tuple[Counted, ...] = field(repr=False, compare=False)

    def full(self, error: LimitReachedError) -> Judged:
        """Return the verdict of the limit that the store has named."""
        named = (error.most, error.window_s)
        meant = (each for each in self.counted if (each.count.most, each.count.window_s) == named)
        return next(meant, self.counted[0]).full()


class Counters:
    """Reads and prepares durable counts."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def full(self, wanted: Iterable[Counted], at: datetime) -> Judged | None:
        """Return the verdict of the first counter that takes no more at this time.

        Raises:
            StoreError: it cannot be read.
        """
        for counted in wanted:
            key = self._key(counted)
            found = await self._store.count_marks((key,), since=at - timedelta(seconds=counted.count.window_s))
            if found.get(key, 0) >= counted.count.most:
                return counted.full()
        return None

    def marks(self, wanted: Iterable[Counted], at: datetime) -> tuple[CountedMark, ...]:
        """Return what has to be written with the events, one mark for each thing counted."""
        by_key: dict[str, list[Counted]] = {}
        for counted in wanted:
            by_key.setdefault(self._key(counted), []).append(counted)
        return tuple(
            CountedMark(
                key=key,
                at=at,
                keep_s=max(each.count.window_s for each in found),
                limits=tuple(MarkLimit(each.count.window_s, each.count.most) for each in found),
                counted=tuple(found),
            )
            for key, found in by_key.items()
        )

    def _key(self, counted: Counted) -> str:
        """Return a keyed hash: who pays does not lie in the store in the clear."""
        count = counted.count
        said = "\0".join((counted.answer.hook.name, count.name, count.value)).encode()
        return _PREFIX + hmac.new(self._store.salt, said, hashlib.sha256).hexdigest()


def full_counter(marks: Iterable[Mark], error: LimitReachedError) -> Judged | None:
    """Return the verdict of the hook whose counter has kept these marks out; ``None`` if it is no hook's."""
    found = next((mark for mark in marks if isinstance(mark, CountedMark) and mark.key == error.key), None)
    return None if found is None else found.full(error)
