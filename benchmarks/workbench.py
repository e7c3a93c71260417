"""What every measurement needs: an engine on a fresh database, requests, a clock, a line of output."""

import asyncio
import contextlib
import gc
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aegispay import AegisPay, Card, Customer, SimulatedGateway
from aegispay.fields import PaymentFields

CARD = Card(token="tok_visa")  # noqa: S106 - a token of the simulated gateway
CUSTOMER = Customer(id="cust_1")


def fields(key: str, amount: str = "10.00") -> PaymentFields:
    return {
        "idempotency_key": key,
        "amount": amount,
        "currency": "USD",
        "payment_method": CARD,
        "customer": CUSTOMER,
    }


def gateways(seed: int) -> list[SimulatedGateway]:
    return [SimulatedGateway("alpha", seed=seed), SimulatedGateway("beta", seed=seed + 1)]


@contextlib.asynccontextmanager
async def fresh_engine(seed: int, **options: Any) -> AsyncIterator[AegisPay]:
    with tempfile.TemporaryDirectory() as folder:
        async with AegisPay(Path(folder) / "payments.db", gateways=gateways(seed), **options) as aegis:
            yield aegis


@dataclass
class Timed:
    """Seconds of wall and CPU time, all threads together."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextlib.contextmanager
def timed() -> Iterator[Timed]:
    gc.collect()
    result = Timed()
    wall, cpu = time.perf_counter(), time.process_time()
    yield result
    result.wall_s, result.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


async def at_once(workers: int, count: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Do `work` for 0 … `count` - 1, `workers` at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def say(name: str, text: str) -> None:
    print(f"{name:<22} {text}", flush=True)
