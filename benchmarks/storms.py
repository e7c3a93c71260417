"""Many requests with one idempotency key: one payment, one charge, one answer for all."""

import tempfile
import threading
from pathlib import Path

from aegispay import BlockingAegisPay, IdempotencyConflictError
from benchmarks.workbench import at_once, fields, fresh_engine, gateways, say, timed

_COUNT = 20_000
_AT_ONCE = 1_000


async def storm(seed: int) -> None:
    async with fresh_engine(seed) as aegis:
        ids: set[str] = set()

        async def ask(_number: int) -> None:
            ids.add((await aegis.pay(**fields("one-key"))).id)

        with timed() as took:
            await at_once(_AT_ONCE, _COUNT, ask)
    assert len(ids) == 1
    say("same-key storm", f"{_COUNT:,} requests, {_AT_ONCE:,} at once: {_COUNT / took.wall_s:,.0f} requests/s")


async def mixed_storm(seed: int) -> None:
    conflicts = 0
    async with fresh_engine(seed) as aegis:

        async def ask(number: int) -> None:
            nonlocal conflicts
            try:
                await aegis.pay(**fields("one-key", amount="10.00" if number % 2 == 0 else "11.00"))
            except IdempotencyConflictError:
                conflicts += 1

        with timed() as took:
            await at_once(_AT_ONCE, _COUNT, ask)
    assert conflicts == _COUNT // 2
    say("mixed storm", f"half of {_COUNT:,} conflict: {_COUNT / took.wall_s:,.0f} requests/s")


def blocking_storm(seed: int) -> None:
    threads, each = 8, 200
    with tempfile.TemporaryDirectory() as folder:
        first, second = gateways(seed)
        with BlockingAegisPay(Path(folder) / "payments.db", gateways=[first, second]) as aegis:

            def ask() -> None:
                for _ in range(each):
                    aegis.pay(**fields("one-key"))

            workers = [threading.Thread(target=ask) for _ in range(threads)]
            with timed() as took:
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
        charges = sum(entry.is_charged for gateway in (first, second) for entry in gateway.ledger.entries())
    assert charges == 1
    say(
        "blocking storm",
        f"{threads} threads x {each}: {threads * each / took.wall_s:,.0f} requests/s, {charges} charge",
    )
