"""Requests that wait together are served together: while one batch runs, the next one gathers."""

from __future__ import annotations

import asyncio
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
    """

    def __init__(self, serve: Callable[[list[Q]], Awaitable[list[A | BaseException]]], *, batch_max: int) -> None:
        self._serve = serve
        self._batch_max = batch_max
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self.batches = 0

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
        try:
            while self._waiting:
                count = min(len(self._waiting), self._batch_max)
                batch = [self._waiting.popleft() for _ in range(count)]
                self.batches += 1
                await self._serve_one(batch)
        finally:
            self._task = None

    async def _serve_one(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._serve([request for request, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is everybody's answer
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
                future.exception()
            else:
                future.set_result(answer)
