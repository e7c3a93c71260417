"""A hundred thousand payment actors that have nothing to do."""

import gc

from aegispay import AegisPayConfig
from benchmarks.workbench import at_once, fields, fresh_engine, resident_bytes, say

_ACTORS = 100_000


async def idle_actors(seed: int) -> None:
    async with fresh_engine(seed, config=AegisPayConfig(actor_idle_s=3_600)) as aegis:
        await at_once(500, 500, lambda number: aegis.create_payment(**fields(f"warm-{number}")))
        gc.collect()
        before = resident_bytes()
        await at_once(500, _ACTORS, lambda number: aegis.create_payment(**fields(f"order-{number}")))
        gc.collect()
        grown = resident_bytes() - before
        actors = (await aegis.health()).actors
    say(
        "idle actors", f"{actors:,} payment actors in memory: {grown / 1e6:,.0f} MB more, {grown / _ACTORS:,.0f} B each"
    )
