"""What a process holds: tasks, files and memory, now and over time."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process holds.

    Attributes:
        memory_kb: resident, without SQLite's share. sqlite_kb: its page caches, 64 MB for each connection at most; they
            fill as the file grows.
    """

    tasks: int = 0
    files: int = 0
    memory_kb: int = 0
    sqlite_kb: int = 0

    def __str__(self) -> str:
        return f"{self.tasks} tasks, {self.files} files, {self.memory_kb:,} kB, and SQLite's {self.sqlite_kb:,} kB"


def usage() -> Usage:
    gc.collect()
    sqlite_kb = _sqlite_kb()
    return Usage(len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), _resident_kb() - sqlite_kb, sqlite_kb)


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def _sqlite_kb() -> int:
    """Return what SQLite has allocated; 0 where it is not a library of its own."""
    try:
        used = ctypes.CDLL("libsqlite3.so.0").sqlite3_memory_used
    except (OSError, AttributeError):
        return 0
    used.restype = ctypes.c_int64
    return int(used()) // 1024


@dataclass(frozen=True, slots=True)
class Processor:
    """How a stretch of time was spent, as shares of one core: computing, and waiting for a core that others had."""

    busy: float
    starved: float

    def __str__(self) -> str:
        return f"busy {self.busy:.0%} of one core, waited for one {self.starved:.0%} of the time"


class Stopwatch:
    """Measures the process from when it is made."""

    def __init__(self) -> None:
        self._began = self._now()

    def read(self) -> Processor:
        wall, busy, starved = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return Processor(busy / wall, starved / wall)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        # The first thread only: the loop's, which everything has to pass.
        ran_ns, waited_ns, _ = Path("/proc/self/schedstat").read_text().split()
        return time.monotonic(), int(ran_ns) / 1e9, int(waited_ns) / 1e9


class Samples:
    """Memory, looked at every so often."""

    def __init__(self, wait: Callable[[float], Awaitable[None]], *, every_s: float) -> None:
        self._wait = wait
        self._every_s = every_s
        self.memory_kb: list[int] = []

    async def take(self) -> None:
        """Go on until cancelled."""
        while True:
            self.memory_kb.append(_resident_kb() - _sqlite_kb())
            await self._wait(self._every_s)

    @property
    def growth(self) -> float:
        """The end as a multiple of what it was after a third of the time, each the median of a tenth."""
        count = len(self.memory_kb)
        tenth = max(1, count // 10)
        third = count // 3
        return median(self.memory_kb[-tenth:]) / median(self.memory_kb[third : third + tenth])
