"""Restart intensity: a sliding window, pure."""

from __future__ import annotations

from aegispay.supervision.spec import RestartIntensity

History = tuple[float, ...]
"""Times of the restarts that still count, oldest first."""


def recent(history: History, now: float, intensity: RestartIntensity) -> History:
    """Return the restarts that still count at `now`, seconds of a monotonic clock."""
    return tuple(at for at in history if now - at < intensity.period_s)


def record_restart(history: History, now: float, intensity: RestartIntensity) -> tuple[History, bool]:
    """Count one more restart.

    Args:
        history: what this function returned before; empty at first.
        now: seconds of a monotonic clock.
        intensity: how many are normal.

    Returns:
        The new history, and whether there were more than `intensity` allows.
    """
    counted = (*recent(history, now, intensity), now)
    return counted, len(counted) > intensity.restarts
