"""Work of the engine that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aegispay.errors import AegisPayError, FencedError
from aegispay.log import logger


class Background:
    """Tasks beside the actors; what they raise is logged.

    Args:
        fenced: told when another engine has taken the database over.
    """

    def __init__(self, fenced: Callable[[AegisPayError], None]) -> None:
        self._fenced = fenced
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it."""
        task = asyncio.get_running_loop().create_task(self._logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step has not begun the work, and nobody else would end it.
        task.add_done_callback(lambda _: work.close())

    async def settle(self) -> None:
        """Wait until all of it has ended."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except FencedError as error:
            self._fenced(error)
        except AegisPayError as error:
            logger().warning("background_work_failed", error=str(error), hint=error.hint)
