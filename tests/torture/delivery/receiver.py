"""A web server with five addresses that all misbehave in their own way, until they are told to behave."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from standardwebhooks import Webhook

_REFUSALS = {
    "fails": ("500 Internal Server Error",),
    "busy": ("429 Too Many Requests", "retry-after: 1\r\n"),
    "moved": ("307 Temporary Redirect", "location: /fails\r\n"),
}


class Receiver:
    """The receivers of webhooks, in a thread of the test's process, which is never killed.

    Attributes:
        accepted: by address, the events that were answered with 204, in order: (id, sequence).
        refused: by address, how many requests were answered otherwise, or not at all.
        forged: what did not verify.
    """

    def __init__(self, *, secret: str, seed: int) -> None:
        self._webhook = Webhook(secret)
        self._source = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.is_well = False
        self.accepted: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        self.refused: defaultdict[str, int] = defaultdict(int)
        self.forged: list[str] = []
        self.url = ""

    @contextlib.contextmanager
    def serving(self) -> Iterator[Receiver]:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(server.close)
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @staticmethod
    async def _end() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                address = lines[0].split(" ")[1].removeprefix("/")
                if address == "hangs" and self._is_bad_luck():
                    self.refused[address] += 1
                    await reader.read()  # until the other side has had enough
                    return
                await self._answer(address, headers, body, writer)

    async def _answer(self, address: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        if address == "gone":
            return await self._refuse(address, writer, "410 Gone")
        if address in _REFUSALS and self._is_bad_luck():
            return await self._refuse(address, writer, *_REFUSALS[address])
        event = self._verified(headers, body)
        self.accepted[address].append((headers["webhook-id"], event["data"]["sequence"]))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        return None

    def _is_bad_luck(self) -> bool:
        return not self.is_well and self._source.random() < 0.4

    async def _refuse(self, address: str, writer: asyncio.StreamWriter, status: str, more: str = "") -> None:
        self.refused[address] += 1
        writer.write(f"HTTP/1.1 {status}\r\n{more}content-length: 0\r\n\r\n".encode())
        await writer.drain()

    def _verified(self, headers: dict[str, str], body: bytes) -> Any:
        try:
            return self._webhook.verify(body, headers)
        except Exception as error:
            self.forged.append(f"{headers.get('webhook-id')}: {error}")
            raise
