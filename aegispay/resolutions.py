"""How long doubts have taken to end."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime

from aegispay.domain.evidence import Evidence
from aegispay.ports import Doubts
from aegispay.views import DoubtMetrics, EngineMetrics

_KEPT = 1_000


class Resolutions:
    """Counts what ended since the engine was opened, and keeps the times of the latest."""

    def __init__(self) -> None:
        self._by_evidence: Counter[str] = Counter()
        self._latest_s: deque[float] = deque(maxlen=_KEPT)

    def ended(self, duration_s: float, evidence: Evidence) -> None:
        """Take in that something was in doubt for so long."""
        self._by_evidence[evidence.value] += 1
        self._latest_s.append(duration_s)

    def metrics(self, doubts: Doubts, *, now: datetime) -> EngineMetrics:
        """Return the numbers, together with what the store counts."""
        age_s = None if doubts.oldest_since is None else max(0.0, (now - doubts.oldest_since).total_seconds())
        ordered = sorted(self._latest_s)
        return EngineMetrics(
            doubts=DoubtMetrics(
                payments=doubts.payments,
                oldest_age_s=age_s,
                resolved=self._by_evidence.total(),
                resolved_by=dict(self._by_evidence),
                resolution_p50_s=_percentile(ordered, 0.50),
                resolution_p95_s=_percentile(ordered, 0.95),
                resolution_max_s=ordered[-1] if ordered else None,
            ),
            incidents=doubts.incidents,
        )


def _percentile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
