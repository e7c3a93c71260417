"""A SQLite store under test: opened, watched at its transactions, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aegispay import SqliteStore
from aegispay.storage.connection import on_thread, raw
from tests.contracts.stores import StillClock


class Faults:
    """A fault hook that raises what was set, and remembers how often each point was passed."""

    def __init__(self) -> None:
        self.raises: dict[str, BaseException] = {}
        self.passed: list[str] = []

    def __call__(self, point: str) -> None:
        self.passed.append(point)
        if point in self.raises:
            raise self.raises[point]


def on_disk(path: Path, scenario: Callable[[Any], Awaitable[None]], **options: Any) -> None:
    """Run the scenario on an open store."""

    async def main() -> None:
        store = SqliteStore(path, clock=StillClock(), **options)
        await store.open()
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(main())


async def on_writer(store: Any, work: Callable[[Any], Any]) -> Any:
    """Run `work` with SQLite's own writing connection, on its thread."""
    database = raw(store._writing)
    return await on_thread(store._writing, lambda: work(database))


async def traced(store: Any) -> list[str]:
    """Return a list into which every statement of the writing connection goes from now on."""
    seen: list[str] = []
    await on_writer(store, lambda database: database.set_trace_callback(seen.append))
    return seen
