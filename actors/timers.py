"""Timers of one incarnation: keyed, single shot, arriving as messages."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from aegispay.actors.envelope import Envelope

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell


class Timers:
    """The running timers of one actor instance; they end with it."""

    __slots__ = ("_cell", "_handles", "_incarnation")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._incarnation = cell.incarnation
        self._handles: dict[Hashable, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Return how many are running."""
        return len(self._handles)

    def start(self, key: Hashable, message: Any, delay_s: float) -> None:
        """Send `message` to this actor in `delay_s` seconds; a running timer of the same key is replaced."""
        self.cancel(key)
        self._handles[key] = self._cell.system.loop.call_later(delay_s, self._fire, key, message)

    def cancel(self, key: Hashable) -> None:
        """Stop a timer; harmless when there is none."""
        handle = self._handles.pop(key, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        """Stop all."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _fire(self, key: Hashable, message: Any) -> None:
        self._handles.pop(key, None)
        if self._cell.incarnation == self._incarnation:
            self._cell.deliver(Envelope(message))
