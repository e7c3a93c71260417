"""How a gateway's charges were answered lately: counts in which every charge weighs less the older it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedApprovals:
    """Counts to be kept; they are `age_s` old.

    Attributes:
        age_s: seconds since the counts had these values.
    """

    approvals: float
    declines: float
    age_s: float


class ApprovalCounts:
    """Approved and declined charges, halved every `half_life_s`; recording is O(1), memory is constant.

    Args:
        half_life_s: after this many seconds a charge counts half.
    """

    def __init__(self, *, half_life_s: float = 3_600.0) -> None:
        self._half_life_s = half_life_s
        self._approvals = 0.0
        self._declines = 0.0
        self._at = 0.0

    def record(self, now: float, *, is_approved: bool) -> None:
        """Take one definite answer about a charge into account.

        Args:
            now: seconds of the caller's monotonic clock.
            is_approved: whether the money was charged or authorized; otherwise it was declined.
        """
        self._fade(now)
        if is_approved:
            self._approvals += 1.0
        else:
            self._declines += 1.0

    def approvals(self, now: float) -> float:
        """Return the approved charges, each by its weight now."""
        return self._approvals * self._weight(now)

    def declines(self, now: float) -> float:
        """Return the declined charges, each by its weight now."""
        return self._declines * self._weight(now)

    def fade_by(self, half_life_s: float, now: float) -> None:
        """Let charges weigh less by another half-life from now on."""
        self._fade(now)
        self._half_life_s = half_life_s

    def dump(self, now: float) -> SavedApprovals:
        """Return what `restore` understands."""
        return SavedApprovals(approvals=self.approvals(now), declines=self.declines(now), age_s=0.0)

    def restore(self, now: float, saved: SavedApprovals) -> None:
        """Put back what was saved, with the age it has at `now`."""
        self._approvals, self._declines = max(0.0, saved.approvals), max(0.0, saved.declines)
        self._at = now - max(0.0, saved.age_s)

    def _fade(self, now: float) -> None:
        weight = self._weight(now)
        self._approvals *= weight
        self._declines *= weight
        self._at = max(self._at, now)

    def _weight(self, now: float) -> float:
        return float(2.0 ** (-max(0.0, now - self._at) / self._half_life_s))
