"""Growing pauses between restarts: without them, a dead database burns the intensity in milliseconds."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from aegispay.supervision.errors import InvalidSpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before each restart.

    Attributes:
        min_s: before the first; most crashes are not repeated, so nearly at once.
        max_s: never longer.
        factor: each pause is this much longer than the one before.
        jitter: share of the pause that is drawn at random, so that many do not restart in step.
        reset_after_s: a child that lived this long starts over with the shortest pause.
    """

    min_s: float = 0.01
    max_s: float = 5.0
    factor: float = 2.0
    jitter: float = 0.2
    reset_after_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_s < math.inf:
            raise InvalidSpecError("max_s", self.max_s, "use 0 or more seconds")
        if not 0 <= self.min_s <= self.max_s:
            raise InvalidSpecError("min_s", self.min_s, f"use 0 to max_s, which is {self.max_s:g}")
        if not 1 <= self.factor < math.inf:
            raise InvalidSpecError("factor", self.factor, "use 1 or more")
        if not 0 <= self.jitter <= 1:
            raise InvalidSpecError("jitter", self.jitter, "use a share from 0 to 1")
        if not self.reset_after_s >= 0:
            raise InvalidSpecError("reset_after_s", self.reset_after_s, "use 0 or more seconds")

    def delay_s(self, restarts: int, source: random.Random) -> float:
        """Return the pause before the restart that follows `restarts` earlier ones, in seconds."""
        try:
            full = min(self.max_s, self.min_s * self.factor**restarts)
        except OverflowError:
            full = self.max_s if self.min_s > 0 else 0.0
        return full * (1 - self.jitter * source.random())
