"""How long to wait before asking again."""

from __future__ import annotations

from collections.abc import Sequence

CHECK_DELAYS_S: tuple[float, ...] = (1, 2, 5, 10, 30, 60, 300, 900, 3600)
"""Seconds before each further check; the last repeats. Most doubts end in seconds, the rest must not be hammered."""


def check_delay_s(checks: int, delays_s: Sequence[float] = CHECK_DELAYS_S) -> float:
    """Return how long to wait before the check that follows `checks` earlier ones, in seconds."""
    return delays_s[min(checks, len(delays_s) - 1)]
