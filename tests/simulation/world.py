"""The whole of it from one seed: callers, providers, processes that die and come back, until all is quiet."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from aegispay import (
    AegisConfig,
    AegisPayError,
    EngineFailedError,
    IdempotencyConflictError,
    MemoryStore,
    OverloadedError,
    Payment,
    PaymentNotFoundError,
    PaymentParkedError,
    PaymentTimeoutError,
    SimulatedGateway,
    StoreError,
)
from aegispay.domain.breaker import BreakerPolicy
from aegispay.errors import EngineClosedError
from aegispay.gateways.ledger import MemoryLedger
from aegispay.ports import StoredEvent
from aegispay.testing import run_virtual, running_clock
from tests.crash.points import Poison
from tests.integration.engine.rig import elapse
from tests.simulation.orders import Order, draw_orders
from tests.simulation.process import DeadError, Outside, Process
from tests.simulation.providers import CONTRACTS, Line
from tests.simulation.trouble import Trouble

STORM_S = 40.0
QUIET_S = 230.0
"""Longest way to the end: three attempts, each in doubt until its key's window is over."""
_CONFIG = AegisConfig(
    breaker=BreakerPolicy(failures_max=10, open_s=5.0),
    payment_expiry_s=100.0,
    answer_timeout_s=20.0,
    answer_grace_s=1.0,
    check_delays_s=(1, 2, 5, 10, 20),
    wake_interval_s=2.0,
    shutdown_s=5.0,
    actor_idle_s=5.0,
    recoveries_max=1_000,
)
_TRIES_MAX = 30
_NOT_NOW = (
    DeadError,
    StoreError,
    EngineClosedError,
    EngineFailedError,
    OverloadedError,
    PaymentParkedError,
    PaymentTimeoutError,
)


@dataclass(frozen=True)
class Answer:
    """What a caller was told by a process that lived to say it."""

    order: Order
    payment: Payment


@dataclass
class Story:
    """Everything that a run left behind."""

    seed: int
    events: dict[str, tuple[StoredEvent, ...]]
    rows: dict[str, Any]
    ledger: MemoryLedger
    final: dict[str, Payment]
    answers: list[Answer]
    conflicts: list[Order]
    surprises: list[str]
    lives: int
    ended_at_s: float


@dataclass
class World:
    """Everything outside our processes, and the one that lives now."""

    seed: int
    clock: Any = field(default_factory=running_clock)
    outside: Outside = field(default_factory=Outside)
    process: Process | None = None
    lives: int = 0
    answers: list[Answer] = field(default_factory=list)
    conflicts: list[Order] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed}:world")
        self.trouble = Trouble.of(self.seed)
        self.disk = MemoryStore(clock=self.clock)
        self.ledger = MemoryLedger()
        kinds = self.draw.sample(sorted(CONTRACTS), self.draw.randint(2, 3))
        self.providers = [
            SimulatedGateway(
                kind,
                seed=self.seed,
                contract=CONTRACTS[kind],
                ledger=self.ledger,
                clock=self.clock,
                success_rate=self.draw.choice((1.0, 0.9)),
                latency_s=self.draw.choice((0.0, 0.3, (0.05, 3.0))),
            )
            for kind in kinds
        ]

    # --- processes ----------------------------------------------------------------------------------

    async def open(self) -> Process:
        self.lives += 1
        process = Process(self.disk, self.outside, self.trouble.strike)
        lines = [Line(provider, process, self.trouble.draw, self.trouble.loss) for provider in self.providers]
        try:
            await process.open(lines, self.clock, _CONFIG, f"{self.seed}:{self.lives}")
        except StoreError:
            process.die()
        self.process = process
        return process

    async def live(self) -> None:
        """Open the engine, end it one way or another, open it again, as long as the storm lasts."""
        while self.clock.monotonic() < STORM_S:
            process = await self.open()
            await self._lead(process, min(STORM_S, self.clock.monotonic() + self.draw.uniform(1, 60)))
            if self.draw.random() < 0.3 and not process.is_dead:
                assert process.aegis is not None
                await process.aegis.close()
            process.die()
            await elapse(self.draw.choice((0.0, self.draw.uniform(0, 10))))

    async def _lead(self, process: Process, until_s: float) -> None:
        while self.clock.monotonic() < until_s and not process.is_dead:
            await elapse(self.draw.uniform(0.1, 3))
            if process.is_dead:
                return
            self._disturb(process)
            provider = self.draw.choice(self.providers)
            provider.is_up = self.draw.random() < 0.7

    def _disturb(self, process: Process) -> None:
        assert process.aegis is not None
        assembly = process.aegis._assembly
        if assembly is None or self.draw.random() > 5 * self.trouble.crash:
            return
        name = self.draw.choice(("router", "scheduler", *(f"gateway:{each.name}" for each in self.providers)))
        actor = assembly.system.find(name)
        if actor is not None:
            actor.tell(Poison())

    # --- callers ------------------------------------------------------------------------------------

    async def come(self, order: Order) -> None:
        await elapse(order.at_s)
        caller = asyncio.create_task(self._insist(order))
        if order.leaves_after_s is not None:
            await elapse(order.leaves_after_s)
            caller.cancel()
        await asyncio.gather(caller, return_exceptions=order.leaves_after_s is not None)

    async def _insist(self, order: Order) -> None:
        for tries in range(_TRIES_MAX):
            try:
                assert self.process is not None
                return await self._ask(self.process, order)
            except IdempotencyConflictError:
                self.conflicts.append(order)
                return None
            except _NOT_NOW:
                await elapse(1 + tries)
            except AegisPayError as error:
                self.surprises.append(f"{order.key} was told {error!r}")
                return None
        self.surprises.append(f"{order.key} never got an answer")
        return None

    async def _ask(self, process: Process, order: Order) -> None:
        if order.is_two_steps or order.is_created_only:
            created = await process.call(lambda aegis: aegis.create_payment(**order.fields))
            self.answers.append(Answer(order, created))
            if not order.is_created_only:
                processed = await process.call(lambda aegis: aegis.process_payment(created.id))
                self.answers.append(Answer(order, processed))
        else:
            paid = await process.call(lambda aegis: aegis.pay(**order.fields))
            self.answers.append(Answer(order, paid))

    # --- the end ------------------------------------------------------------------------------------

    async def grow_quiet(self) -> None:
        """The storm is over: everything is up, the operator lets everybody go on, and time passes."""
        self.trouble.end()
        for provider in self.providers:
            provider.is_up = True
        process = await self.open()
        assert process.aegis is not None
        for parking in await self.disk.parked():
            try:
                await process.aegis.unpark_payment(parking.payment_id, operator="ops")
            except PaymentNotFoundError:
                continue  # nothing was ever stored

    async def wait_for_the_end(self) -> None:
        until_s = self.clock.monotonic() + QUIET_S
        while self.clock.monotonic() < until_s:
            rows = self.disk._rows.values()
            if all(row.state.is_final for row in rows):
                return
            await elapse(10)

    async def tell(self) -> Story:
        assert self.process is not None
        assert self.process.aegis is not None
        final = {payment_id: await self.process.aegis.get_payment(payment_id) for payment_id in self.disk._rows}
        return Story(
            seed=self.seed,
            events={payment_id: await self.disk.load(payment_id) for payment_id in self.disk._rows},
            rows=dict(self.disk._rows),
            ledger=self.ledger,
            final=final,
            answers=self.answers,
            conflicts=self.conflicts,
            surprises=self.surprises,
            lives=self.lives,
            ended_at_s=self.clock.monotonic(),
        )


async def _simulate(seed: int) -> Story:
    world = World(seed)
    with pytest.MonkeyPatch.context() as patch:
        world.trouble.infect(patch)
        orders = draw_orders(world.draw, STORM_S)
        first = asyncio.create_task(world.live())
        await asyncio.sleep(0)
        callers = [asyncio.create_task(world.come(order)) for order in orders]
        await first
        await world.grow_quiet()
        await asyncio.gather(*callers)
        await world.wait_for_the_end()
        story = await world.tell()
        assert world.process is not None
        assert world.process.aegis is not None
        await world.process.aegis.close()
        await world.outside.end()
    return story


def simulate(seed: int) -> Story:
    """Run the world that the seed makes."""
    return run_virtual(_simulate(seed), seed=seed)
