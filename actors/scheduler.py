"""The scheduler actor: looks at the payments' durable timers and wakes whoever is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aegispay.actors import Actor, ControlMessage
from aegispay.errors import StoreError
from aegispay.ports import Clock, EventStore

_BATCH = 500
"""Payments woken per look: enough for any backlog within minutes, few enough not to flood the mailboxes."""


@dataclass(frozen=True, slots=True)
class _Look(ControlMessage):
    """Time to look."""


class SchedulerActor(Actor):
    """Wakes payments whose `wake_at` has come. The timers live in the store, so none is lost in a restart."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        *,
        interval_s: float,
        wake: Callable[[str], None],
        on_error: Callable[[StoreError], None],
    ) -> None:
        super().__init__()
        self._store = store
        self._clock = clock
        self._interval_s = interval_s
        self._wake = wake
        self._on_error = on_error

    def on_start(self) -> None:
        """Start looking."""
        self.timers.start("look", _Look(), self._interval_s)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        if not isinstance(message, _Look):
            return super().on_receive(message)
        try:
            for payment_id in await self._store.due(self._clock.now(), limit=_BATCH):
                self._wake(payment_id)
        except StoreError as error:
            self._on_error(error)
        self.timers.start("look", _Look(), self._interval_s)
        return None
