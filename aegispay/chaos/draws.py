"""Random numbers that concurrency cannot change: each place draws from a stream of its own."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict

from aegispay.chaos.faults import Delay

_STREAMS_MAX = 50_000
"""Streams that are remembered; the longest unused one begins anew."""


class Draws:
    """Numbers in [0, 1), by seed, fault, place and how often that place was passed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._passed: OrderedDict[str, int] = OrderedDict()

    def passing(self, place: str) -> int:
        """Count the place as passed once more; return how often it was passed before."""
        passed = self._passed.pop(place, 0)
        self._passed[place] = passed + 1
        if len(self._passed) > _STREAMS_MAX:
            self._passed.popitem(last=False)
        return passed

    def number(self, fault: str, place: str, passing: int, purpose: str = "") -> float:
        """Return the number that belongs to these."""
        # Hashing, because seeding a generator for every message would cost ten times as much.
        text = f"{self._seed}/{fault}/{place}/{passing}/{purpose}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


def seconds(delay: Delay, number: float) -> float:
    """Return how long a delay is that drew this number."""
    span_s = delay.longest_s - delay.shortest_s
    if delay.distribution == "uniform":
        return delay.shortest_s + span_s * number
    # The mean is a third of the span, so that its end cuts off one draw in twenty.
    return delay.shortest_s + min(span_s, -math.log(1.0 - number) * span_s / 3)
