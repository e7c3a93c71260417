"""Providers on loopback that speak raw bytes, so that every way of failing can be had."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Provider:
    """A server whose every answer is given; it keeps every request that reached it whole."""

    def __init__(self, answer: Callable[[Provider, bytes, asyncio.StreamWriter], Awaitable[bool]]) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.opened = 0
        self.closed = asyncio.Semaphore(0)
        self.received = asyncio.Semaphore(0)
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                self.received.release()
                if not await self._answer(self, request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.closed.release()


async def read_request(reader: asyncio.StreamReader) -> bytes | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = re.search(rb"content-length: *([0-9]+)", head.lower())
    return head + (await reader.readexactly(int(length[1])) if length else b"")


@asynccontextmanager
async def provider(
    answer: Callable[[Provider, bytes, asyncio.StreamWriter], Awaitable[bool]],
) -> AsyncIterator[Provider]:
    made = Provider(answer)
    async with socket_server(made.serve) as made.url:
        yield made


@asynccontextmanager
async def socket_server(serve: Callable[..., Awaitable[None]], *, scheme: str = "http") -> AsyncIterator[str]:
    """Serve raw connections: for faults that come before a request is whole. All of them end with the block."""
    serving: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            serving.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


def response(body: Any, status: int = 200, *headers: str, raw: bool = False) -> bytes:
    content = body if raw else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def always(*answers: bytes, keep: bool = True) -> Callable[..., Awaitable[bool]]:
    """Answer with these, one after the other, the last one for ever; ``b""`` closes without a word."""

    async def answer(server: Provider, request: bytes, writer: asyncio.StreamWriter) -> bool:
        said = answers[min(len(server.requests), len(answers)) - 1]
        writer.write(said)
        await writer.drain()
        return keep and bool(said)

    return answer


async def silent(server: Provider, request: bytes, writer: asyncio.StreamWriter) -> bool:
    """Never answer."""
    await asyncio.Event().wait()
    return False
