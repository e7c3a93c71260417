"""The process dies, or the disk fails, at every commit of a run with subscribers: no event is lost or disordered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from aegispay import AegisPayConfig, MemoryStore, StoreError
from aegispay.gateways.ledger import MemoryLedger
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.outbox.ledger import Ledger
from aegispay.testing import run_virtual, running_clock
from tests.crash.points import CrashError
from tests.integration.engine.consumers import Consumer
from tests.integration.engine.rig import elapse, order
from tests.simulation.process import DeadError, Outside, Process

PAYMENTS = ("a", "b", "c")
SUBSCRIBERS = {"first": 0.3, "second": 0.0}
"""How long each takes for an event: one is still at work when its position is written down."""
PATIENCE_S = 400.0


def die(process: Process, place: str) -> None:
    process.die()
    raise DeadError(place)


def fail(process: Process, place: str) -> None:
    raise OSError(place)


class Run:
    """Some payments, two subscribers of which one is refused now and then, and one bad moment."""

    def __init__(self, moment: int | None, strike: Callable[[Process, str], None]) -> None:
        self.moment, self.strike = moment, strike
        self.passed = 0
        self.clock = running_clock()
        self.disk = MemoryStore(clock=self.clock)
        self.outside = Outside()
        self.gateway = SimulatedGateway("alpha", ledger=MemoryLedger(), clock=self.clock)
        self.consumers = {name: Consumer(takes_s) for name, takes_s in SUBSCRIBERS.items()}
        self.process: Process | None = None

    def reach(self, process: Process, place: str) -> None:
        self.passed += 1
        if self.passed == self.moment:
            self.strike(process, place)

    async def living(self) -> Process:
        while self.process is None or self.process.is_dead:
            self.process = Process(self.disk, self.outside, self.reach)
            try:
                await self.process.open([self.gateway], self.clock, AegisPayConfig(), seed=self.passed)
            except StoreError:
                self.process.die()
                continue
            for name, consumer in self.consumers.items():
                await self.insist(lambda aegis, name=name, each=consumer: self.subscribe(aegis, name, each))
        return self.process

    async def subscribe(self, aegis, name: str, consumer: Consumer) -> None:
        if all(each.name != name or each.state == "absent" for each in await aegis.subscriptions()):
            await aegis.subscribe("*", consumer, name=name, from_="start")

    async def insist(self, ask) -> None:
        """Ask until it is answered, by the process that lives now; leave off when it has died."""
        process = self.process
        assert process is not None
        while not process.is_dead:
            try:
                await process.call(ask)
            except (DeadError, StoreError, CrashError):
                await elapse(0.1)
            else:
                return

    async def go(self) -> None:
        for key in PAYMENTS:
            paid = Counter[str]()
            while not paid[key]:
                await self.living()

                async def pay(aegis, key=key, paid=paid):
                    payment = await aegis.pay(**order(key))
                    paid[key] += 1
                    consumer = self.consumers["first"]
                    consumer.failing.setdefault(f"{payment.id}-2", 1)

                await self.insist(pay)
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < began + PATIENCE_S:
            await self.living()
            await elapse(1.0)
            if await self.is_over():
                break
        assert self.process is not None
        assert self.process.aegis is not None
        await self.process.aegis.close()
        await self.outside.end()

    async def is_over(self) -> bool:
        end = await self.disk.end_position()
        subscribers = await self.disk.subscribers()
        owed = await self.disk.deliveries()
        return len(subscribers) == 2 and not owed and all(each.position == end for each in subscribers)

    async def check(self) -> None:
        log = await self.disk.read_all()
        for name, consumer in self.consumers.items():
            seen = list(dict.fromkeys(consumer.ids))
            assert sorted(seen) == sorted(stored.event_id for stored in log), f"moment {self.moment}: {name}"
            for payment_id in {stored.payment_id for stored in log}:
                versions = list(dict.fromkeys(consumer.versions(payment_id)))
                assert versions == sorted(versions), f"moment {self.moment}: {name} got {versions}"
        assert await self.is_over(), f"moment {self.moment}"


def play(moment: int | None, strike: Callable[[Process, str], None]) -> int:
    async def main() -> int:
        run = Run(moment, strike)
        await run.go()
        await run.check()
        return run.passed

    return run_virtual(main())


def test_a_process_that_dies_at_any_commit_loses_and_disorders_no_event() -> None:
    places = play(None, die)
    assert places >= 25
    for moment in range(1, places + 1):
        play(moment, die)


def test_a_disk_that_fails_at_any_commit_loses_and_disorders_no_event() -> None:
    places = play(None, fail)
    for moment in range(1, places + 1):
        play(moment, fail)


def test_a_position_that_runs_ahead_of_deliveries_would_be_seen(monkeypatch) -> None:
    monkeypatch.setattr(Ledger, "_reached", lambda self, delivered=None: self.read)

    def everywhere() -> None:
        for moment in range(1, 100):
            play(moment, die)

    with pytest.raises(AssertionError, match="moment"):
        everywhere()
