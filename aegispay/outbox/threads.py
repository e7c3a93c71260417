"""Threads for handlers that are plain functions: the loop never waits for them, and one that hangs holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

_Answer = Callable[[], object]
_Work = Callable[[], _Answer]


class Threads:
    """The threads of one subscriber: made as they are needed, kept until it ends.

    They are daemons: a handler that hangs must not keep the process alive.

    Args:
        name: of the subscriber.
        most: threads; when so many hang, calls fail at once.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function on a thread, and return or raise what it does. Who gives up waiting does not end it.

        Raises:
            RuntimeError: too many earlier calls hang.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()
        # The caller's: what the function asks others for belongs to the caller's trace.
        context = contextvars.copy_context()

        def work() -> _Answer:
            answer: Any = None
            failure: BaseException | None = None
            try:
                answer = context.run(function, *arguments)
            except BaseException as error:  # noqa: BLE001 - a handler's failure, whatever it is, is its own
                failure = error
            return lambda: loop.call_soon_threadsafe(_answer, answered, answer, failure)

        self._put(work)
        return await answered

    async def close(self) -> None:
        """Let every thread end when its work is done."""
        with self._lock:
            threads, self._threads, self._idle = self._threads, 0, 0
        for _ in range(threads):
            self._work.put(None)

    def _put(self, work: _Work) -> None:
        with self._lock:
            needs_thread = self._idle == 0
            if needs_thread and self._threads >= self._most:
                raise RuntimeError(f"{self._threads} earlier calls of the handler have not ended")
            if needs_thread:
                self._threads += 1
            else:
                self._idle -= 1
        self._work.put(work)
        if needs_thread:
            threading.Thread(target=self._run, name=f"aegispay-subscriber-{self._name}", daemon=True).start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            answer = work()
            # Before the answer: whoever gets it may have the next call ready.
            with self._lock:
                if self._threads:
                    self._idle += 1
            with contextlib.suppress(RuntimeError):
                # The loop may have ended meanwhile.
                answer()


def _answer(answered: asyncio.Future[Any], answer: Any, failure: BaseException | None) -> None:
    if answered.done():
        return
    if failure is None:
        answered.set_result(answer)
    elif isinstance(failure, StopIteration | asyncio.CancelledError):
        # A future takes neither as what it is.
        answered.set_exception(RuntimeError(f"raised {type(failure).__name__}"))
    else:
        answered.set_exception(failure)
