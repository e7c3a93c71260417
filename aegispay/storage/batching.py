"""Requests that wait together are served together: while one batch runs, the next one gathers."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Batcher(Generic[Q, A]):
    """Collects requests and hands them to `serve` in batches, one batch at a time, in order.

    Args:
        serve: answers a batch: one answer, or one exception, for each request.
        batch_max: requests per batch.

    Attributes:
        observer: told of each batch that was served: how many requests, and how many seconds it took.
    """

    def __init__(self, serve: Callable[[list[Q]], Awaitable[list[A | BaseException]]], *, batch_max: int) -> None:
        self._serve = serve
        self._batch_max = batch_max
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self.batches = 0
        self.observer: Callable[[int, float], None] | None = None

    def __len__(self) -> int:
        """Return how many requests wait for a batch."""
        return len(self._waiting)

    def ask(self, request: Q) -> asyncio.Future[A]:
        """Add a request. Its answer does not depend on whether the caller still waits for it."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return future

    async def drain(self) -> None:
        """Wait until every request has its answer."""
        while self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                count = min(len(self._waiting), self._batch_max)
                batch = [self._waiting.popleft() for _ in range(count)]
                self.batches += 1
                began = loop.time()
                await self._serve_batch(batch)
                if self.observer is not None:
                    self.observer(count, loop.time() - began)
        finally:
            self._task = None
            # Only a loop that is being torn down leaves any behind.
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()

    async def _serve_batch(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        answers: list[A | BaseException]
        try:
            answers = await self._serve([request for request, _ in batch])
            assert len(answers) == len(batch), f"{len(answers)} answers to {len(batch)} requests"
        except Exception as error:  # noqa: BLE001 - it is everybody's answer
            answers = [_own(error) for _ in batch]
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                _answer(future, answer)


def _answer(future: asyncio.Future[A], answer: A | BaseException) -> None:
    if isinstance(answer, BaseException):
        future.set_exception(answer)
        # Marks it as seen: a caller who went away is no reason for a warning.
        future.exception()
    else:
        future.set_result(answer)


def _own(error: Exception) -> Exception:
    """Return a copy: one exception raised by hundreds of callers would gather all their tracebacks."""
    try:
        own = copy.copy(error)
    except Exception:  # noqa: BLE001 - an exception that cannot be copied is shared
        return error
    own.__cause__ = error.__cause__
    return own
