"""Keeping the picture up to date while an engine runs, and taking it away when it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from aegispay.log import logger
from aegispay.ports import Clock, EventStore
from aegispay.status.file import StatusFile
from aegispay.status.picture import EngineStatus
from aegispay.status.taking import Identity, Parts, StatusTaker

_PATIENCE_S = 5.0
"""How long closing waits for a file system that does not answer."""


class StatusKeeper:
    """Writes a picture every `interval_s`; whatever goes wrong with that concerns nobody but the log, and once.

    Args:
        file: where to.
        take: takes a picture.
        interval_s: from the end of one writing to the next.
    """

    def __init__(self, file: StatusFile, take: Callable[[], Awaitable[EngineStatus]], interval_s: float) -> None:
        self._file = file
        self._take = take
        self._interval_s = interval_s
        self._stop = asyncio.Event()
        self._has_complained = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End, and take the picture away. Idempotent."""
        self._stop.set()
        await asyncio.wait({self._task}, timeout=_PATIENCE_S)
        self._task.cancel()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.to_thread(self._file.remove)

    async def _run(self) -> None:
        while not self._stop.is_set():
            await self._write()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._stop.wait()

    async def _write(self) -> None:
        try:
            # On another thread: a disk that hangs must not stop the payments.
            await asyncio.to_thread(self._file.write, await self._take())
        except Exception as error:  # noqa: BLE001 - whoever looks on must not disturb
            if not self._has_complained:
                self._has_complained = True
                logger().warning("status_not_written", error=type(error).__name__)


def keep_status(parts: Parts, store: EventStore, clock: Clock, interval_s: float) -> StatusKeeper | None:
    """Begin to write pictures; return who does it, or ``None`` for a store without a file, or where it is switched off.

    Args:
        parts: of the engine.
        store: open; a store in a file says where that is and which epoch of it is ours.
        clock: the engine's.
        interval_s: see `AegisPayConfig.status_interval_s`.
    """
    owned: tuple[Path, int] | None = getattr(store, "owned", None)
    if owned is None or interval_s <= 0:
        return None
    database, epoch = owned
    identity = Identity(
        pid=os.getpid(), host=socket.gethostname(), epoch=epoch, opened_at=clock.now(), interval_s=interval_s
    )
    return StatusKeeper(StatusFile(database, epoch), StatusTaker(parts, identity, clock).take, interval_s)
