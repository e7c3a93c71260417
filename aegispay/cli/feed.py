"""Rows read on a thread, handed to the loop: a slow pipe stops neither the payments nor Ctrl-C."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from typing import BinaryIO, Generic, TypeVar

T = TypeVar("T")

_AHEAD_MAX = 256
"""Rows read ahead of the loop: enough that it never waits for a file, and no more in memory than that."""


class Feed(Generic[T]):
    """What an iterable gives, taken a few at a time.

    The thread is a daemon: a read that never returns does not keep the process alive.

    Args:
        items: what is read.
        source: the file that reading takes place in, closed by `close`.
        ahead_max: items read ahead of the loop.
    """

    def __init__(self, items: Iterable[T], *, source: BinaryIO | None = None, ahead_max: int = _AHEAD_MAX) -> None:
        self._items = items
        self._source = source
        self._reader: threading.Thread | None = None
        self._ready: deque[T] = deque()
        self._room = threading.Semaphore(ahead_max)
        self._changed = asyncio.Event()
        self._is_over = False
        self._error: Exception | None = None

    def start(self) -> None:
        """Start reading; call this on the loop that takes."""
        loop = asyncio.get_running_loop()
        self._reader = threading.Thread(target=self._read, args=(loop,), name="rows", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Give out nothing more; safe at any time, on the loop."""
        self._ready.clear()
        self._is_over = True
        self._changed.set()

    def close(self) -> None:
        """Close the source, unless a read is still waiting in it: closing would wait for that read."""
        is_reading = self._reader is not None and self._reader.is_alive()
        if self._source is not None and not is_reading:
            self._source.close()

    async def take(self) -> list[T]:
        """Return what is ready, waiting for at least one item; empty at the end, and once stopped.

        Raises:
            Exception: whatever reading raised, after the items before it.
        """
        while not self._ready and not self._is_over:
            self._changed.clear()
            await self._changed.wait()
        taken: list[T] = []
        while self._ready:
            taken.append(self._ready.popleft())
            self._room.release()
        if not taken and self._error is not None:
            raise self._error
        return taken

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for item in self._items:
                self._room.acquire()
                if not self._tell(loop, item):
                    return
        except Exception as error:  # noqa: BLE001 - handed to whoever takes
            self._error = error
        self._tell(loop, None)

    def _tell(self, loop: asyncio.AbstractEventLoop, item: T | None) -> bool:
        try:
            loop.call_soon_threadsafe(self._arrived, item)
        except RuntimeError:
            # The loop is closed: the run ended while the pipe was still open.
            return False
        return True

    def _arrived(self, item: T | None) -> None:
        if item is None:
            self._is_over = True
        elif not self._is_over:
            self._ready.append(item)
        self._changed.set()
