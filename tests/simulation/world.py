"""The whole of it from one seed: callers, providers, processes that die and come back, until all is quiet."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

import pytest

from aegispay import (
    AegisPayConfig,
    MemoryStore,
    Payment,
    PaymentNotFoundError,
    PaymentState,
    SimulatedGateway,
    StoreError,
)
from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.projection import PaymentRow
from aegispay.gateways.ledger import MemoryLedger
from aegispay.ports import Doubts, StoredEvent
from aegispay.testing import run_virtual, running_clock
from tests.crash.points import Poison
from tests.integration.engine.rig import elapse
from tests.simulation.asking import Answer, Asker
from tests.simulation.desk import Operators
from tests.simulation.merchants import Merchants
from tests.simulation.orders import Order, Wish, draw_orders
from tests.simulation.outsiders import Outsiders
from tests.simulation.process import Outside, Process
from tests.simulation.providers import CONTRACTS, Line, OnTheWire
from tests.simulation.trouble import Trouble

STORM_S = 40.0
QUIET_S = 1_200.0
"""Longest way to the end: a challenge that nobody takes up, and then a doubt about what came of it."""
SETTLED_S = {
    "keys_and_look_up": 400.0,
    "keys_only": 150.0,
    "slow_books": 400.0,
    "hearsay": 60.0,
    "mute": 20.0,
    "charges_only": 400.0,
}
"""How long a doubt may take at most that ends without a person, by whose doubt it is."""
_ROUNDS_S = (30.0, 30.0, 900.0, 30.0)
"""When the operators look: what was on its way has arrived; at last, challenges that nobody took up are over."""
_CONFIG = AegisPayConfig(
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


@dataclass(frozen=True)
class Story:
    """Everything that a run left behind.

    Attributes:
        left: what the engine could not settle by itself, before the operators said what is true.
        doubts: what the store counted at that moment.
    """

    seed: int
    events: dict[str, tuple[StoredEvent, ...]]
    rows: dict[str, PaymentRow]
    ledger: MemoryLedger
    final: dict[str, Payment]
    answers: list[Answer]
    conflicts: list[Order]
    granted: list[tuple[str, Wish]]
    refused: Counter[str]
    wire: list[OnTheWire]
    left: list[Payment]
    doubts: Doubts
    doubts_at_the_end: Doubts
    verdicts: int
    surprises: list[str]
    lives: int
    ended_at_s: float


class World:
    """Everything outside our processes, and the one that lives now."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = running_clock()
        self.draw = random.Random(f"{seed}:world")
        self.trouble = Trouble.of(seed)
        self.disk = MemoryStore(clock=self.clock)
        self.lives = 0
        self.wire: list[OnTheWire] = []
        self.asker = Asker(seed, MemoryLedger(), Outside())
        kinds = self.draw.sample(sorted(CONTRACTS), self.draw.randint(2, 4))
        self.providers = [self._provider(kind) for kind in kinds]
        self.merchants = Merchants(self.asker, self.disk.salt)
        self.outsiders = Outsiders(self.asker, self.providers, self.wire)
        self.operators = Operators(
            self.asker, self.providers, lambda: self.disk._streams, self.wire, self.clock.monotonic
        )

    def _provider(self, kind: str) -> SimulatedGateway:
        return SimulatedGateway(
            kind,
            seed=self.seed,
            contract=CONTRACTS[kind],
            ledger=self.asker.ledger,
            clock=self.clock,
            success_rate=self.draw.choice((1.0, 0.9)),
            latency_s=self.draw.choice((0.0, 0.3, (0.05, 3.0))),
        )

    # --- processes ----------------------------------------------------------------------------------

    async def open(self) -> Process:
        self.lives += 1
        process = Process(self.disk, self.asker.outside, self.trouble.strike)
        lines = [Line(provider, process, self.trouble, self.clock, self.wire) for provider in self.providers]
        try:
            await process.open(lines, self.clock, _CONFIG, f"{self.seed}:{self.lives}")
        except StoreError:
            process.die()
        self.asker.process = process
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

    # --- the end ------------------------------------------------------------------------------------

    async def grow_quiet(self) -> None:
        """The storm is over: everything is up, the operator lets everybody go on."""
        self.trouble.end()
        for provider in self.providers:
            provider.is_up = True
            provider.clear_script()
        process = await self.open()
        assert process.aegis is not None
        for parking in await self.disk.parked():
            try:
                await process.aegis.unpark_payment(parking.payment_id, operator="ops")
            except PaymentNotFoundError:
                continue  # nothing was ever stored

    async def wait(self, longest_s: float) -> None:
        """Let time pass until nothing more will happen by itself, or for so long."""
        until_s = self.clock.monotonic() + longest_s
        while self.clock.monotonic() < until_s and not all(map(self._is_quiet, self.disk._rows.values())):
            await elapse(10)

    def _is_quiet(self, row: PaymentRow) -> bool:
        if row.wake_at is None:
            return True
        if row.doubt_since is not None and row.gateway is not None:
            return (self.clock.now() - row.doubt_since).total_seconds() > SETTLED_S[row.gateway]
        return row.state is PaymentState.AUTHORIZED and (row.wake_at - self.clock.now()).total_seconds() > QUIET_S

    async def settle(self) -> None:
        """Let the operators say what is true, and what follows from it happen."""
        for round_s in _ROUNDS_S:
            if not self.operators.in_doubt():
                return
            await elapse(round_s)
            await self.operators.settle_all()
            await self.wait(QUIET_S)

    async def tell(self, left: list[Payment], doubts: Doubts) -> Story:
        process = self.asker.process
        assert process is not None
        assert process.aegis is not None
        return Story(
            seed=self.seed,
            events={payment_id: await self.disk.load(payment_id) for payment_id in self.disk._rows},
            rows=dict(self.disk._rows),
            ledger=self.asker.ledger,
            final={payment_id: await process.aegis.get_payment(payment_id) for payment_id in self.disk._rows},
            answers=self.asker.answers,
            conflicts=self.merchants.conflicts,
            granted=self.merchants.granted,
            refused=self.merchants.refused,
            wire=self.wire,
            left=left,
            doubts=doubts,
            doubts_at_the_end=await self.disk.doubts(),
            verdicts=self.operators.verdicts,
            surprises=self.asker.surprises,
            lives=self.lives,
            ended_at_s=self.clock.monotonic(),
        )


async def _live_through(world: World) -> Story:
    orders = draw_orders(world.draw, STORM_S)
    first = asyncio.create_task(world.live())
    await asyncio.sleep(0)
    world.asker.outside.start(world.outsiders.live())
    operators = world.asker.outside.start(world.operators.live())
    callers = [asyncio.create_task(world.merchants.come(order)) for order in orders]
    await first
    await world.grow_quiet()
    await asyncio.gather(*callers)
    operators.cancel()
    await world.wait(QUIET_S)
    left, doubts = world.operators.in_doubt(), await world.disk.doubts()
    await world.settle()
    return await world.tell(left, doubts)


async def _simulate(seed: int) -> Story:
    world = World(seed)
    with pytest.MonkeyPatch.context() as patch:
        world.trouble.infect(patch)
        story = await _live_through(world)
        assert world.asker.process is not None
        assert world.asker.process.aegis is not None
        await world.asker.process.aegis.close()
        await world.asker.outside.end()
    return story


def simulate(seed: int) -> Story:
    """Run the world that the seed makes."""
    return run_virtual(_simulate(seed), seed=seed)
