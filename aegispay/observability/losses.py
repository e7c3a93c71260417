"""What the host's own telemetry refused to take: the engine goes on without, and says so now and then."""

from __future__ import annotations

from aegispay.observability.lines import LineLogger

_KINDS_MAX = 100
_LOG = LineLogger("aegispay.observability")


class Losses:
    """Counts failures by kind, and writes a line about the 1st, 10th, 100th … of each."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def note(self, what: str, error: Exception) -> None:
        """Something was lost: `what` says of which sort, as in "span ended"."""
        kind = (what, type(error).__name__)
        if kind not in self._counts and len(self._counts) >= _KINDS_MAX:
            return
        failed = self._counts[kind] = self._counts.get(kind, 0) + 1
        if str(failed).rstrip("0") == "1":
            _LOG.warning("telemetry_failed", what=what, error=kind[1], failed=failed)
