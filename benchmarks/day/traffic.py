"""The payments of the day and their luck, drawn once: every strategy meets the same payers and the same chance."""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.day.world import AMOUNT_SIGMA, DAY_S, PROVIDERS, SEGMENTS, Segment, load_at

_LOAD_STEP_S = 60.0
_PER_CHARGE = 4
_PER_PAYMENT = 2 + _PER_CHARGE * len(PROVIDERS)


@dataclass(frozen=True, slots=True)
class Luck:
    """What chance decides when one payment is charged at one gateway, whoever sent it there; shares from 0 to 1.

    Attributes:
        fault: below the share of errors the gateway refuses, below that of hangs it never answers.
        approval: below the true share of approvals it is approved.
        kind: whether a decline is for good; whether a charge that was never answered was made.
        slowness: standard deviations from the median latency.
    """

    fault: float
    approval: float
    kind: float
    slowness: float


@dataclass(frozen=True, slots=True)
class Payment:
    """One payer at the till.

    Attributes:
        at: seconds since midnight.
        payer, payer_kind: below the share of payers whom every gateway declines, this one is; and whether for good.
    """

    number: int
    at: float
    segment: Segment
    amount_minor: int
    payer: float
    payer_kind: float

    @property
    def amount_usd(self) -> float:
        return self.amount_minor * self.segment.usd_per_minor


class Traffic:
    """All payments of a day, in order of time.

    Attributes:
        offered_usd: what all payers together want to pay.
    """

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        source = random.Random(f"day-{seed}")
        self._at = array("d", sorted(_times(source, count)))
        self._segment = array("B", source.choices(range(len(SEGMENTS)), [each.share for each in SEGMENTS], k=count))
        self._amount = array("q", (_amount_minor(source, SEGMENTS[index]) for index in self._segment))
        self._luck = array("d", _luck(source, count))
        self.offered_usd = sum(payment.amount_usd for payment in self)

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[Payment]:
        return (self.payment(number) for number in range(len(self)))

    def payment(self, number: int) -> Payment:
        payer, payer_kind = self._luck[number * _PER_PAYMENT : number * _PER_PAYMENT + 2]
        segment = SEGMENTS[self._segment[number]]
        return Payment(number, self._at[number], segment, self._amount[number], payer, payer_kind)

    def number_at(self, at: float) -> int:
        """Return the number of the first payment that comes at this time or later."""
        return bisect_left(self._at, at)

    def luck(self, payment: Payment, provider_index: int) -> Luck:
        start = payment.number * _PER_PAYMENT + 2 + _PER_CHARGE * provider_index
        return Luck(*self._luck[start : start + _PER_CHARGE])


def _times(source: random.Random, count: int) -> Iterator[float]:
    steps = [step * _LOAD_STEP_S for step in range(int(DAY_S / _LOAD_STEP_S))]
    heaped = list(accumulate(load_at(at) for at in steps))
    for _ in range(count):
        index = bisect_left(heaped, source.random() * heaped[-1])
        yield steps[index] + source.random() * _LOAD_STEP_S


def _amount_minor(source: random.Random, segment: Segment) -> int:
    return max(1, round(segment.median_minor * math.exp(source.gauss(0.0, AMOUNT_SIGMA))))


def _luck(source: random.Random, count: int) -> Iterator[float]:
    for _ in range(count):
        yield source.random()
        yield source.random()
        for _ in PROVIDERS:
            yield source.random()
            yield source.random()
            yield source.random()
            yield source.gauss(0.0, 1.0)
