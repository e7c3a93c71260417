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
    """Wakes payments whose `wake_at` has come. The timers live in the store, so none is lost in a restart.

    Args:
        interval_s: how often to look.
        wake: tells a payment that its time has come.
        look: done at every look, beside.
        on_error: told when the store cannot be read; the next look tries again.
    """

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        *,
        interval_s: float,
        wake: Callable[[str], None],
        look: Callable[[], None],
        on_error: Callable[[StoreError], None],
    ) -> None:
        super().__init__()
        self._store = store
        self._clock = clock
        self._interval_s = interval_s
        self._wake = wake
        self._look = look
        self._on_error = on_error

    def on_start(self) -> None:
        """Start looking."""
        self.timers.start("look", _Look(), self._interval_s)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        if not isinstance(message, _Look):
            return super().on_receive(message)
        self._look()
        try:
            for payment_id in await self._store.due(self._clock.now(), limit=_BATCH):
                self._wake(payment_id)
        except StoreError as error:
            self._on_error(error)
        self.timers.start("look", _Look(), self._interval_s)
        return None
