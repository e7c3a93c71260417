"""Counters and histograms in memory: bounded, cheap to add to, readable from any thread."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from aegispay.observability.semantics import Instrument

SERIES_MAX = 1_000
"""Combinations of attributes that one instrument keeps apart; whatever comes later is counted under `OTHER`."""
OTHER = "other"
"""Every attribute's value where an instrument has run out of series."""

Attributes = tuple[str, ...]
"""The values, in the order of the instrument's attributes."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram at one moment.

    Attributes:
        bounds: upper bounds of the buckets, inclusive. counts: how many fell into each, and into the one above all.
        total: sum of all values. largest: the largest of them; 0 when there are none.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0
    largest: float = 0.0

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    def percentile(self, share: float) -> float | None:
        """Return the value that this share of all does not exceed, estimated within its bucket; ``None`` without any.

        Args:
            share: 0.0 to 1.0.
        """
        count = self.count
        if count == 0:
            return None
        rank, below = share * count, 0
        for number, inside in enumerate(self.counts):
            if inside and below + inside >= rank:
                lower = self.bounds[number - 1] if number else 0.0
                upper = self.bounds[number] if number < len(self.bounds) else self.largest
                return min(self.largest, lower + (max(lower, upper) - lower) * max(0.0, rank - below) / inside)
            below += inside
        return self.largest

    @property
    def p50(self) -> float | None:
        """The median."""
        return self.percentile(0.50)

    @property
    def p95(self) -> float | None:
        """What 95 of 100 values do not exceed."""
        return self.percentile(0.95)

    @property
    def p99(self) -> float | None:
        """What 99 of 100 values do not exceed."""
        return self.percentile(0.99)

    def __add__(self, other: Distribution) -> Distribution:
        """Return both together; they have the same bounds."""
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(self.bounds, counts, self.total + other.total, max(self.largest, other.largest))


def empty(instrument: Instrument) -> Distribution:
    """Return a histogram without values."""
    return Distribution(instrument.bounds, (0,) * (len(instrument.bounds) + 1))


class Counter:
    """Sums by attributes."""

    __slots__ = ("_values", "instrument")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._values: dict[Attributes, int] = {}

    def add(self, attributes: Attributes = (), amount: int = 1) -> None:
        """Add to one series."""
        try:
            self._values[attributes] += amount
        except KeyError:
            if len(self._values) >= SERIES_MAX:
                attributes = (OTHER,) * len(self.instrument.attributes)
            self._values[attributes] = self._values.get(attributes, 0) + amount

    def read(self) -> dict[Attributes, int]:
        """Return all series."""
        return self._values.copy()


class _Buckets:
    __slots__ = ("counts", "largest", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0
        self.largest = 0.0


class Histogram:
    """Distributions by attributes."""

    __slots__ = ("_bounds", "_series", "instrument")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._bounds = instrument.bounds
        self._series: dict[Attributes, _Buckets] = {}

    def record(self, value: float, attributes: Attributes = ()) -> None:
        """Take in one value; less than nothing counts as nothing."""
        buckets = self._series.get(attributes)
        if buckets is None:
            buckets = self._new(attributes)
        value = max(value, 0.0)
        buckets.counts[bisect_left(self._bounds, value)] += 1
        buckets.total += value
        buckets.largest = max(buckets.largest, value)

    def _new(self, attributes: Attributes) -> _Buckets:
        if len(self._series) >= SERIES_MAX:
            attributes = (OTHER,) * len(self.instrument.attributes)
        return self._series.setdefault(attributes, _Buckets(len(self.instrument.bounds) + 1))

    def read(self) -> Mapping[Attributes, Distribution]:
        """Return all series."""
        bounds = self.instrument.bounds
        return {
            attributes: Distribution(bounds, tuple(buckets.counts), buckets.total, buckets.largest)
            for attributes, buckets in self._series.copy().items()
        }
