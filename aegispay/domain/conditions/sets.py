"""Sets of values that a field may have, exact under intersection and complement: what linting reasons with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spans:
    """Whole numbers, as spans from, to, both included; ascending and apart from each other.

    Attributes:
        lowest, highest: of all numbers that the field can have.
    """

    spans: tuple[tuple[int, int], ...]
    lowest: int
    highest: int

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]], *, lowest: int, highest: int) -> Spans:
        """Return the numbers of some spans, as far as the field can have them."""
        joined: list[tuple[int, int]] = []
        for low, high in sorted((max(low, lowest), min(high, highest)) for low, high in spans):
            if low > high:
                continue
            if joined and low <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
            else:
                joined.append((low, high))
        return cls(tuple(joined), lowest, highest)

    def __and__(self, other: Spans) -> Spans:
        """Return what is in both."""
        both = [(max(a, c), min(b, d)) for a, b in self.spans for c, d in other.spans]
        return Spans.of(both, lowest=self.lowest, highest=self.highest)

    def __invert__(self) -> Spans:
        """Return every other number that the field can have."""
        free, at = [], self.lowest
        for low, high in self.spans:
            free.append((at, low - 1))
            at = high + 1
        return Spans.of([*free, (at, self.highest)], lowest=self.lowest, highest=self.highest)

    def __le__(self, other: Spans) -> bool:
        """Return whether every number is in the other."""
        return all(any(c <= a and b <= d for c, d in other.spans) for a, b in self.spans)

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self.spans


@dataclass(frozen=True, slots=True)
class Listed:
    """These values, or all others.

    Attributes:
        is_others: whether it is all values but these.
    """

    values: frozenset[Any]
    is_others: bool = False

    def __and__(self, other: Listed) -> Listed:
        """Return what is in both."""
        match self.is_others, other.is_others:
            case False, False:
                return Listed(self.values & other.values)
            case False, True:
                return Listed(self.values - other.values)
            case True, False:
                return Listed(other.values - self.values)
            case _:
                return Listed(self.values | other.values, is_others=True)

    def __invert__(self) -> Listed:
        """Return all other values."""
        return Listed(self.values, is_others=not self.is_others)

    def __le__(self, other: Listed) -> bool:
        """Return whether every value is in the other; there are always values beside those that are listed."""
        match self.is_others, other.is_others:
            case False, False:
                return self.values <= other.values
            case False, True:
                return self.values.isdisjoint(other.values)
            case True, True:
                return other.values <= self.values
            case _:
                return False

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self.values and not self.is_others
