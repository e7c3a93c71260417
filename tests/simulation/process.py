"""A process of ours that can die: from that instant nothing of it reaches the store, a provider or a caller."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from aegispay import AegisPay, AegisPayConfig, MemoryStore, StoreUnavailableError
from aegispay.ports import Clock


class DeadError(OSError):
    """The process is dead: what it tries to do does not happen. The store takes it for a failing disk."""


class Outside:
    """Work that goes on whatever becomes of any process."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled():
            task.exception()

    async def end(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Connection:
    """One process's view of the disk: the same data, until the process is dead."""

    def __init__(self, disk: MemoryStore, process: Process) -> None:
        # A shallow copy shares all of the disk's data, and has a fault hook of its own.
        self._view = copy.copy(disk)
        self._view.faults = process.reach
        self._process = process

    @property
    def salt(self) -> bytes:
        return self._view.salt

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._view, name)

        async def checked(*arguments: Any, **keywords: Any) -> Any:
            self._check()
            answer = await method(*arguments, **keywords)
            self._check()
            return answer

        return checked

    async def close(self) -> None:
        """Nothing: a dead process has nothing to say here, and a living one nothing to write."""

    def _check(self) -> None:
        if self._process.is_dead:
            raise StoreUnavailableError("the process is dead")


class Process:
    """One life of the engine.

    Args:
        strike: called at each named place that the process passes; it may raise, or kill the process.
    """

    def __init__(self, disk: MemoryStore, outside: Outside, strike: Callable[[Process, str], None]) -> None:
        self.outside = outside
        self.is_dead = False
        self._strike = strike
        self._died = asyncio.Event()
        self._store = _Connection(disk, self)
        self.aegis: AegisPay | None = None

    async def open(self, gateways: Iterable[Any], clock: Clock, config: AegisPayConfig, seed: object) -> None:
        source = random.Random(f"{seed}")
        self.aegis = AegisPay(self._store, gateways=gateways, clock=clock, config=config, random_source=source)
        await self.aegis.open()

    def check(self) -> None:
        if self.is_dead:
            raise DeadError("the process is dead")

    def reach(self, place: str) -> None:
        """Pass a place where it may be struck; a dead process gets no further."""
        self.check()
        self._strike(self, place)
        self.check()

    def die(self) -> None:
        """Be killed, now: what is left of the engine can only clean up after itself, unseen."""
        if self.is_dead:
            return
        self.is_dead = True
        self._died.set()
        if self.aegis is not None:
            self.outside.start(self.aegis.close())

    async def call(self, ask: Callable[[AegisPay], Coroutine[Any, Any, Any]]) -> Any:
        """Return what the engine answers, if the process lives to say it.

        Raises:
            DeadError: it did not.
        """
        self.check()
        assert self.aegis is not None
        loop = asyncio.get_running_loop()
        asked, died = loop.create_task(ask(self.aegis)), loop.create_task(self._died.wait())
        try:
            await asyncio.wait((asked, died), return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return await asked
        finally:
            asked.cancel()
            died.cancel()
            await asyncio.gather(asked, died, return_exceptions=True)
