"""Whoever gets events in tests of subscriptions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aegispay import AegisPay
from aegispay.ports import StoredEvent
from tests.integration.engine.rig import World, elapse, order


class Consumer:
    """Gets events, one after the other or beside each other, and fails as it is told.

    Attributes:
        got: what it took, in order. tried: how often each event was handed over.
        failing: how often it still refuses an event, by event id. takes_s: how long it takes.
        overlaps: how often it got an event of a payment while it was busy with another one.
    """

    def __init__(self, takes_s: float = 0.0) -> None:
        self.got: list[StoredEvent] = []
        self.tried: Counter[str] = Counter()
        self.failing: dict[str, int] = {}
        self.is_down = False
        self.takes_s = takes_s
        self.at_once = 0
        self.at_once_most = 0
        self.overlaps = 0
        self.tried_at: list[float] = []
        self.busy_with: Counter[str] = Counter()

    async def __call__(self, event: StoredEvent) -> None:
        self.tried[event.event_id] += 1
        self.at_once += 1
        self.busy_with[event.payment_id] += 1
        self.at_once_most = max(self.at_once_most, self.at_once)
        self.overlaps += self.busy_with[event.payment_id] > 1
        try:
            if self.takes_s:
                await elapse(self.takes_s)
            if self.is_down:
                raise ConnectionError("nobody is there")
            if self.failing.get(event.event_id, 0):
                self.failing[event.event_id] -= 1
                raise ConnectionError("not now")
            self.got.append(event)
        finally:
            self.at_once -= 1
            self.busy_with[event.payment_id] -= 1

    @property
    def ids(self) -> list[str]:
        return [event.event_id for event in self.got]

    def versions(self, payment_id: str) -> list[int]:
        return [event.version for event in self.got if event.payment_id == payment_id]


async def pay(aegis: AegisPay, *keys: str) -> list[str]:
    """Make a payment of four events for each key; return their ids."""
    return [(await aegis.pay(**order(key))).id for key in keys]


async def log_ids(world: World) -> list[str]:
    """Return the ids of all events, in the order of the log."""
    return [stored.event_id for stored in await world.store.read_all(limit=1_000)]


async def status(aegis: AegisPay, name: str) -> Any:
    """Return how one subscription stands."""
    return next(each for each in await aegis.subscriptions() if each.name == name)
