"""The delivery log does not grow for ever."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from aegispay.errors import StoreError
from aegispay.ports import Clock, EventStore

KEPT = timedelta(days=30)
"""Longer than any delivery is tried, and long enough for somebody who looks once a month."""
_BETWEEN = timedelta(hours=1)


class Past:
    """Forgets lines of the delivery log that are older than `KEPT`, about once an hour while there are deliveries."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._forgotten_at: datetime | None = None

    async def forget(self) -> None:
        """Forget what is old, if that was not done lately. A store that cannot do it now is asked again later."""
        now = self._clock.now()
        if self._forgotten_at is None or now - self._forgotten_at >= _BETWEEN:
            self._forgotten_at = now
            with contextlib.suppress(StoreError):
                await self._store.prune_webhook_attempts(now - KEPT)
