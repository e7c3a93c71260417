"""What hooks cost: the same payments with none, and with three trivial ones of each sort.

Run ``python -m benchmarks.hook_cost``.
"""

import asyncio

from aegispay import AegisPay
from aegispay.hooks import Allow
from benchmarks.workbench import at_once, fields, fresh_engine, say, timed

COUNT = 5_000


def quick(context: object) -> Allow:
    return Allow()


def threaded(context: object) -> Allow:
    return Allow()


async def awaited(context: object) -> Allow:
    return Allow()


def register(aegis: AegisPay, sort: str) -> None:
    call = {"quick": quick, "async": awaited, "thread": threaded}.get(sort)
    if call is not None:
        aegis.hooks.pre_validation(name="pre", is_quick=sort == "quick", deadline_s=10)(call)
        aegis.hooks.fraud_check(name="fraud", on_failure="closed", is_quick=sort == "quick", deadline_s=10)(call)
        aegis.hooks.event_listener(name="ear", is_quick=sort == "quick", deadline_s=10)(call)


async def hook_cost(seed: int) -> None:
    base_us = 0.0
    for sort in ("none", "quick", "async", "thread"):
        async with fresh_engine(seed) as aegis:
            register(aegis, sort)
            await at_once(100, 500, lambda number: aegis.pay(**fields(f"warm-{number}")))
            with timed() as took:
                await at_once(100, COUNT, lambda number: aegis.pay(**fields(f"order-{number}")))
        cpu_us = took.cpu_s / COUNT * 1e6
        base_us = base_us or cpu_us
        say(
            "hooks", f"{sort:>6}: {COUNT / took.wall_s:>7,.0f} payments/s, {cpu_us:.0f} µs CPU, {cpu_us / base_us:.2f}x"
        )


if __name__ == "__main__":
    asyncio.run(hook_cost(7))
