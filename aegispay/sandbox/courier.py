"""Delivers webhooks in the background, and lets time do its part while no request comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import httpx

from aegispay.ports import Clock
from aegispay.sandbox.books import Books
from aegispay.sandbox.outbox import Delivery, Outbox
from aegispay.sandbox.provider import Provider
from aegispay.sandbox.signing import signed_headers

Post = Callable[[str, dict[str, str], bytes], Awaitable[bool]]
"""(address, headers, body) to whether it was taken."""

AT_ONCE_MAX = 16
_NAP_MAX_S = 60.0
_FIRST_TRY_MAX_S = 5.0
_LOG = logging.getLogger("aegispay.sandbox")


class Courier:
    """Runs as one task; deliveries are tasks of their own, a bounded number at once.

    Args:
        books: for transactions, and for when time has something to do.
        outbox: what is to be delivered.
        provider: lets time do its part.
        clock: what is due is judged by.
        post: delivers one.
    """

    def __init__(self, books: Books, outbox: Outbox, provider: Provider, clock: Clock, post: Post) -> None:
        self._books = books
        self._outbox = outbox
        self._provider = provider
        self._clock = clock
        self._post = post
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._first_tries: dict[int, asyncio.Future[None]] = {}
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._woken.clear()
                self._work()
                await self._nap()
        finally:
            for task in self._under_way.values():
                task.cancel()

    def wake(self) -> None:
        """Look again: there may be something to deliver."""
        self._woken.set()

    async def until_tried(self, deliveries: Collection[int]) -> None:
        """Wait until these were tried once, but not for ever."""
        loop = asyncio.get_running_loop()
        tries = {number: self._first_tries.setdefault(number, loop.create_future()) for number in deliveries}
        self.wake()
        if tries:
            await asyncio.wait(tries.values(), timeout=_FIRST_TRY_MAX_S)
        for number in tries:
            self._first_tries.pop(number, None)

    def _work(self) -> None:
        with self._books.transaction():
            self._provider.run_due()
            due = self._outbox.due(self._clock.now(), AT_ONCE_MAX - len(self._under_way), self._under_way)
        for delivery in due:
            task = asyncio.get_running_loop().create_task(self._deliver(delivery))
            self._under_way[delivery.id] = task

    async def _nap(self) -> None:
        moments = [moment for moment in (self._books.next_job_at(), self._next_delivery_at()) if moment is not None]
        pause_s = min([_NAP_MAX_S, *((moment - self._clock.now()).total_seconds() for moment in moments)])
        try:
            async with asyncio.timeout(max(0.001, pause_s)):
                await self._woken.wait()
        except TimeoutError:
            return

    def _next_delivery_at(self) -> datetime | None:
        is_full = len(self._under_way) >= AT_ONCE_MAX
        return None if is_full else self._outbox.next_due_at(self._under_way)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            is_taken = await self._try(delivery)
            with self._books.transaction():
                settle = self._outbox.delivered if is_taken else self._outbox.failed
                settle(delivery, self._clock.now())
        finally:
            del self._under_way[delivery.id]
            tried = self._first_tries.pop(delivery.id, None)
            if tried is not None and not tried.done():
                tried.set_result(None)
            self.wake()

    async def _try(self, delivery: Delivery) -> bool:
        headers = signed_headers(delivery, self._clock.now())
        try:
            return await self._post(delivery.url, headers, delivery.body.encode())
        except Exception as error:  # noqa: BLE001 - however it failed, it is tried again
            _LOG.debug("webhook not delivered: try=%s error=%s", delivery.tries + 1, type(error).__name__)
            return False


def http_post(client: httpx.AsyncClient) -> Post:
    """Return what delivers over HTTP: taken is what is answered with 2xx."""

    async def post(url: str, headers: dict[str, str], body: bytes) -> bool:
        response = await client.post(url, headers=headers, content=body)
        return response.is_success

    return post
