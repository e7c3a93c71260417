"""Nothing on the hot path may grow with the number of payments: the same work on a small and a large database."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay
from benchmarks.workbench import at_once, fields, gateways, say, timed

_SMALL, _LARGE = 10_000, 200_000
_MEASURED = 5_000


async def growth(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with AegisPay(Path(folder) / "payments.db", gateways=gateways(seed)) as aegis:
            await _fill(aegis, 0, _SMALL)
            small = await _measure(aegis, "small")
            await _fill(aegis, _SMALL, _LARGE)
            large = await _measure(aegis, "large")
    for name, before in small.items():
        after = large[name]
        say(
            "growth",
            f"{name}: {before:,.0f}/s with {_SMALL:,} stored, {after:,.0f}/s with {_LARGE:,}: {after / before:.2f}x",
        )


async def _fill(aegis: AegisPay, start: int, end: int) -> None:
    await at_once(500, end - start, lambda number: aegis.pay(**fields(f"fill-{start + number}")))


async def _measure(aegis: AegisPay, name: str) -> dict[str, float]:
    paid = await asyncio.gather(*(aegis.pay(**fields(f"{name}-first-{n}")) for n in range(100)))
    with timed() as paying:
        await at_once(200, _MEASURED, lambda number: aegis.pay(**fields(f"{name}-{number}")))
    with timed() as reading:
        await at_once(50, _MEASURED, lambda number: aegis.get_payment(paid[number % len(paid)].id))
    with timed() as listing:
        await at_once(10, 200, lambda _number: aegis.list_payments(state=paid[0].state, limit=20))
    return {
        "pay": _MEASURED / paying.wall_s,
        "get_payment": _MEASURED / reading.wall_s,
        "list_payments": 200 / listing.wall_s,
    }
