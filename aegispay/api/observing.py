"""What the engine counts about itself."""

from __future__ import annotations

from aegispay.api.life import EngineLife
from aegispay.observability.snapshot import EngineMetrics


class ObservingMethods(EngineLife):
    """The engine's numbers."""

    async def metrics(self) -> EngineMetrics:
        """Return the engine's numbers: payments, gateways, actors, commits, subscribers, and what is in doubt.

        Raises:
            StoreError: what only the store knows cannot be read.
        """
        return await self._open_assembly().measuring.metrics()

    def latest_metrics(self) -> EngineMetrics:
        """Return the numbers without waiting, in any thread: for scrapers.

        Counts are as they are now. What only the store or an actor knows is at most some seconds old, and missing until
        it has been taken for the first time; it stays as it was when the engine is closed.
        """
        return self._telemetry.latest()
