"""How the transactions of a store are counted and timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aegispay.storage.batching import Batcher


class MeasuredCommits:
    """A store that writes in batches."""

    _commits: Batcher[Any, Any]

    @property
    def commits(self) -> int:
        """How many transactions have been written; fewer than writes when callers write at once."""
        return self._commits.batches

    def observe_commits(self, observer: Callable[[int, float], None]) -> None:
        """Have each transaction reported: how many writes share it, and how many seconds it took."""
        self._commits.observer = observer
