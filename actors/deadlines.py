"""Deadlines of asks: one timer for all of them, because nearly every ask is answered long before its own."""

from __future__ import annotations

import asyncio
import itertools
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aegispay.actors.future import ActorFuture

_PURGE_MIN = 256
"""Answered asks that may wait for their deadline before they are looked for."""


class Deadlines:
    """Answers asks with a timeout when their time has come. Each costs the same, however many there are."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, ActorFuture[Any]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._purge_at = _PURGE_MIN

    def __len__(self) -> int:
        """Return how many asks are kept in mind, answered ones included."""
        return len(self._heap)

    def add(self, when: float, future: ActorFuture[Any]) -> None:
        """Answer with a timeout at loop time `when`, unless answered before."""
        heap = self._heap
        heappush(heap, (when, next(self._numbers), future))
        if len(heap) > self._purge_at:
            self._purge()
        timer = self._timer
        if timer is None or when < timer.when():
            self._arm(when)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._fire, when)

    def _fire(self, when: float) -> None:
        heap = self._heap
        now = max(when, self._loop.time())
        while heap and (heap[0][0] <= now or heap[0][2].reply.done()):
            heappop(heap)[2].time_out()
        self._timer = None
        if heap:
            self._arm(heap[0][0])

    def _purge(self) -> None:
        """Forget what was answered; done after twice as many asks as are open, so it costs each a constant."""
        self._heap = [entry for entry in self._heap if not entry[2].reply.done()]
        heapify(self._heap)
        self._purge_at = max(_PURGE_MIN, 2 * len(self._heap))
