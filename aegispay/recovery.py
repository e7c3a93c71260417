"""After a start: goes on with every payment that an earlier engine left in the middle, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice

from aegispay.errors import StoreError
from aegispay.ports import EventStore

Park = Callable[[str, str], Awaitable[None]]
"""Sets a payment aside: its id and why."""

_INTERRUPTED_S = 300.0
"""Whose timer is set for later than that was hardly in the middle of a call; if it was, its timer is early enough."""
_SLICE = 32
"""Payments woken before the loop gets a turn, so that a crowd of them does not stand before whoever pays just now."""
_SMALLER = 4
"""By how much the company shrinks with each attempt that was not survived."""


class Recovery:
    """Wakes unfinished payments, and counts each attempt on disk before it is made.

    A payment that takes the whole process down would otherwise do so at every start: after `attempts_max` starts
    that it did not survive, it is parked instead. So that it takes no others along, payments that did not survive an
    earlier attempt are picked up last and in ever smaller company, for the last time alone.

    Args:
        wake: tells a payment to go on.
        concurrency: payments being picked up at once, so that a crowd does not fall on the gateways.
    """

    def __init__(
        self, store: EventStore, *, wake: Callable[[str], object], park: Park, attempts_max: int, concurrency: int
    ) -> None:
        self._store = store
        self._wake = wake
        self._park = park
        self._attempts_max = attempts_max
        self._concurrency = concurrency
        self._waiting: dict[str, int] = {}
        self._running: set[str] = set()

    def __len__(self) -> int:
        """Return how many payments are still to be picked up."""
        return len(self._waiting) + len(self._running)

    async def start(self, now: datetime) -> None:
        """Find what is unfinished and pick up the first of it; `advance` does the rest.

        Who waits for later by its own durable timer, for a retry in three days say, was not interrupted and is let be.
        """
        earlier, due_by = await self._store.recoveries(), now + timedelta(seconds=_INTERRUPTED_S)
        unfinished = await self._store.unfinished(due_by=due_by)
        attempts = {payment_id: earlier.get(payment_id, 0) for payment_id in unfinished}
        self._waiting = dict(sorted(attempts.items(), key=lambda item: item[1]))
        await self.advance()

    async def end(self, payment_id: str) -> None:
        """Take in that a payment survived; forget its attempts and pick up the next ones."""
        if payment_id not in self._running:
            return
        self._running.discard(payment_id)
        await self._store.end_recovery(payment_id)
        await self.advance()

    async def leave(self) -> None:
        """Forget the attempts of those being picked up: they are left because the engine closes in good order."""
        self._waiting.clear()
        while self._running:
            await self._store.end_recovery(self._running.pop())

    def is_waiting(self, payment_id: str) -> bool:
        """Return whether the payment's turn to be picked up has yet to come."""
        return payment_id in self._waiting

    def is_running(self, payment_id: str) -> bool:
        """Return whether the payment is being picked up now."""
        return payment_id in self._running

    async def advance(self) -> None:
        """Pick up as many as there is room for."""
        while chosen := self._take():
            try:
                attempts = await self._store.begin_recoveries(tuple(chosen))
            except StoreError:
                self._running.difference_update(chosen)
                self._waiting = {**chosen, **self._waiting}
                raise
            for number, payment_id in enumerate(chosen, 1):
                await self._go_on(payment_id, attempts[payment_id])
                if number % _SLICE == 0:
                    await asyncio.sleep(0)  # noqa: TID251 - a turn for everybody else

    def _take(self) -> dict[str, int]:
        """Return who comes next, with their attempts so far: all of them have had the same number."""
        level = next(iter(self._waiting.values()), 0)
        first = islice(self._waiting.items(), max(0, self._room(level) - len(self._running)))
        chosen = {payment_id: attempts for payment_id, attempts in first if attempts == level}
        for payment_id in chosen:
            del self._waiting[payment_id]
        self._running.update(chosen)
        return chosen

    def _room(self, attempts: int) -> int:
        if attempts >= self._attempts_max - 1:
            return 1
        return max(1, self._concurrency // int(_SMALLER**attempts))

    async def _go_on(self, payment_id: str, attempts: int) -> None:
        if attempts <= self._attempts_max:
            self._wake(payment_id)
        else:
            self._running.discard(payment_id)
            await self._park(payment_id, f"{attempts - 1} recoveries without success")
