"""Timers of one incarnation: keyed, single shot, arriving as messages ahead of user mail."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from aegispay.actors.envelope import Envelope, current_trace

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell


class _TimerEnvelope(Envelope):
    """A timer's message: void once its timer was cancelled or replaced, even when it waits already."""

    __slots__ = ("key", "timers")

    def __init__(self, message: Any, timers: Timers, key: Hashable, trace: Any) -> None:
        super().__init__(message, None, 0.0, trace)
        self.timers = timers
        self.key = key

    def is_void(self, now: float) -> bool:
        """Return whether the timer does not count any more; asked once, when the message's turn has come."""
        return not self.timers.take(self.key, self)


class Timers:
    """The running timers of one actor instance; they end with it, and so do their messages that still wait."""

    __slots__ = ("_cell", "_running")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._running: dict[Hashable, asyncio.TimerHandle | _TimerEnvelope] = {}

    def __len__(self) -> int:
        """Return how many are running, or have sent a message that waits."""
        return len(self._running)

    def start(self, key: Hashable, message: Any, delay_s: float) -> None:
        """Send `message` to this actor in `delay_s` seconds; a running timer of the same key is replaced."""
        self.cancel(key)
        self._running[key] = self._cell.system.loop.call_later(delay_s, self._fire, key, message)

    def cancel(self, key: Hashable) -> None:
        """Stop a timer, its message included; harmless when there is none."""
        running = self._running.pop(key, None)
        if isinstance(running, asyncio.TimerHandle):
            running.cancel()

    def cancel_all(self) -> None:
        """Stop all."""
        for key in tuple(self._running):
            self.cancel(key)

    def take(self, key: Hashable, envelope: Envelope) -> bool:
        """Return whether the message is still the one that its key is waiting for, and forget it."""
        if self._running.get(key) is not envelope:
            return False
        del self._running[key]
        return True

    def _fire(self, key: Hashable, message: Any) -> None:
        envelope = _TimerEnvelope(message, self, key, current_trace.get())
        self._running[key] = envelope
        self._cell.accept_control(envelope)
