"""The scheduler actor: looks at the payments' durable timers and wakes whoever is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.actors import Actor, ControlMessage
from aegispay.errors import StoreError
from aegispay.ports import Clock, EventStore

_BATCH = 500
"""Payments woken per look, as long as there are no more."""
_BATCH_MAX = 64_000
"""The same with a backlog: what is due and cannot go on must not hide what can."""
_REST = 4
"""How many times as long as a look took there is none: looking at a backlog must not be what keeps it from ending."""
_REST_MAX_S = 5.0
_SLICE = 32
"""Payments woken before the loop gets a turn, so that a crowd of them does not stand before whoever pays just now."""


@dataclass(frozen=True, slots=True)
class _Look(ControlMessage):
    """Time to look."""


class SchedulerActor(Actor):
    """Wakes payments whose `wake_at` has come. The timers live in the store, so none is lost in a restart.

    Args:
        interval_s: how often to look.
        wake: tells a payment that its time has come; returns whether it was told.
        look: done at every look, beside.
        on_error: told when the store cannot be read; the next look tries again.
    """

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        *,
        interval_s: float,
        wake: Callable[[str], bool],
        look: Callable[[], None],
        on_error: Callable[[StoreError], None],
    ) -> None:
        super().__init__()
        self._store = store
        self._clock = clock
        self._interval_s = interval_s
        self._wake = wake
        self._look = look
        self._batch = _BATCH
        self._on_error = on_error

    def on_start(self) -> None:
        """Start looking."""
        self.timers.start("look", _Look(), self._interval_s)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        if not isinstance(message, _Look):
            return super().on_receive(message)
        self._look()
        began, took_s = self._clock.monotonic(), 0.0
        try:
            due = await self._store.due(self._clock.now(), limit=self._batch)
            took_s = self._clock.monotonic() - began
            await self._wake_some(due)
            self._batch = min(2 * self._batch, _BATCH_MAX) if len(due) == self._batch else _BATCH
        except StoreError as error:
            self._on_error(error)
        self.timers.start("look", _Look(), max(self._interval_s, min(_REST * took_s, _REST_MAX_S)))
        return None

    async def _wake_some(self, due: Sequence[str]) -> None:
        woken = 0
        for payment_id in due:
            if self._wake(payment_id):
                woken += 1
                if woken % _SLICE == 0:
                    await asyncio.sleep(0)  # noqa: TID251 - a turn for everybody else
