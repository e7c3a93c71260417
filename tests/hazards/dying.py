"""An engine in a process that dies at a chosen place; the places are those before and after each commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aegispay import AegisPay, AegisPayConfig
from tests.integration.engine.rig import World
from tests.simulation.process import Outside, Process


async def died_at(chosen: int | None, ask: Callable[[AegisPay], Coroutine[Any, Any, Any]]) -> tuple[World, list[str]]:
    """Return what is left of the world, and the places that were passed; ``None`` as place: it dies at the end."""
    world, outside = World(), Outside()
    passed: list[str] = []

    def strike(process: Process, place: str) -> None:
        passed.append(place)
        if len(passed) - 1 == chosen:
            process.die()

    process = Process(world.store, outside, strike)
    await world.store.open()
    await process.open(world.gateways, world.clock, AegisPayConfig(), 1)
    await asyncio.gather(process.call(ask), return_exceptions=True)
    process.die()
    await outside.end()
    return world, passed
