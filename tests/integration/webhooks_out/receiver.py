"""Receivers of webhooks: a real server on a real socket that does to each request what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Request:
    """A request as it arrived; names of headers are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


Conduct = Callable[[asyncio.StreamWriter, Request], Awaitable[None]]


@dataclass
class Receiver:
    """Answers as its `conduct` says, and remembers everything that came."""

    conduct: Conduct
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, scheme: str = "http", path: str = "/hooks") -> str:
        return f"{scheme}://{HOST}:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        return [request.event_id for request in self.requests]

    async def until(self, count: int) -> None:
        """Wait for so many requests."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.requests) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        number = self.connections
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    request = await _read(reader, number)
                    async with self._news:
                        self.requests.append(request)
                        self._news.notify_all()
                    await self.conduct(writer, request)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, number: int) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, body, number)


@contextlib.asynccontextmanager
async def receiving(conduct: Conduct, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Serve for as long as the block runs."""
    receiver = Receiver(conduct)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, HOST, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in receiver.writers:
            writer.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answers(*statuses: int, body: bytes = b"", headers: str = "") -> Conduct:
    """Answer with one status after the other, then always with the last one."""
    left = list(statuses)

    async def conduct(writer: asyncio.StreamWriter, _: Request) -> None:
        status = left.pop(0) if len(left) > 1 else left[0]
        writer.write(response(status, body, headers))
        await writer.drain()

    return conduct


def response(status: int, body: bytes = b"", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


async def hangs(_writer: asyncio.StreamWriter, _request: Request) -> None:
    await asyncio.Event().wait()


async def closes_early(writer: asyncio.StreamWriter, _: Request) -> None:
    writer.write(b"HTTP/1.1 200 X\r\ncontent-le")
    await writer.drain()
    writer.close()


async def talks_nonsense(writer: asyncio.StreamWriter, _: Request) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    await writer.drain()
    writer.close()


async def drips_headers(writer: asyncio.StreamWriter, _: Request) -> None:
    """Send one more header whenever the last one was taken, without end."""
    writer.write(b"HTTP/1.1 200 X\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.Event().wait()


def pours(status: int) -> Conduct:
    """Answer with a body without end, as fast as it is read."""

    async def conduct(writer: asyncio.StreamWriter, _: Request) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 1000000000000\r\n\r\n".encode())
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    return conduct


def starts_a_body(status: int) -> Conduct:
    """Send the head and some of the body; the rest never comes."""

    async def conduct(writer: asyncio.StreamWriter, _: Request) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 100\r\n\r\nonly this".encode())
        await writer.drain()
        await asyncio.Event().wait()

    return conduct
