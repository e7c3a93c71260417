"""Kept connections for httpx, one request on one connection, sent once.

httpcore's own pool sends a request again when the connection it chose turns out to be taken, loses a place when a
waiting request is cancelled, and looks at every connection for every request. Here a connection is taken and given
back without waiting in between, and a request that failed is never tried on another one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

import httpcore
import httpx

from aegispay.gateways.http.phase import Phase

_STARTS = {
    "connection.connect_tcp.started": Phase.CONNECT,
    "connection.start_tls.started": Phase.TLS,
    "http11.send_request_headers.started": Phase.WRITE,
    "http11.receive_response_headers.started": Phase.READ,
}
"""Which step begins with which of httpcore's trace events."""
_BEFORE_BYTES_LEAVE = frozenset({"http11.send_request_headers.started", "http11.send_request_body.started"})


class PoolFullError(Exception):
    """As many requests are under way as there may be connections; this one was not sent."""


class TooLateError(TimeoutError):
    """The call's time was over before these bytes could be written; they were not."""


class Progress:
    """Follows one request through httpcore's trace events, and stops it where it would be written too late.

    Args:
        write_before: the running loop's time at which the call is over, in seconds.

    Attributes:
        phase: the step it is in, or failed in.
    """

    def __init__(self, *, write_before: float) -> None:
        self.phase = Phase.POOL
        self._write_before = write_before
        self._socket: httpcore.AsyncNetworkStream | None = None
        self._is_write_broken = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Take in one trace event.

        Raises:
            TooLateError: bytes would be written although the call is over.
        """
        # A process that stood still resumes where it was: its next write comes before the timer that ends the call.
        if event in _BEFORE_BYTES_LEAVE and asyncio.get_running_loop().time() >= self._write_before:
            raise TooLateError
        if event == "connection.connect_tcp.complete":
            self._socket = info["return_value"]
        elif event in {"http11.send_request_headers.failed", "http11.send_request_body.failed"}:
            # httpcore goes on to read after a failed write, in case the server has said why.
            self._is_write_broken = True
        phase = _STARTS.get(event)
        if phase is not None and not (phase is Phase.READ and self._is_write_broken):
            self.phase = phase

    async def abandon(self) -> None:
        """Close what was opened: a connection that is given up during its TLS handshake belongs to nobody else."""
        if self._socket is not None:
            await self._socket.aclose()


class Connections(httpx.AsyncBaseTransport):
    """An httpx transport over connections of its own.

    Args:
        connections_max: requests under way at once; more are refused with `PoolFullError`, never queued.
        keepalive_s: how long an idle connection is kept, in seconds.
        ssl_context: how to verify the provider; ``None`` for httpx's default.
    """

    def __init__(self, *, connections_max: int, keepalive_s: float, ssl_context: ssl.SSLContext | None = None) -> None:
        self._connections_max = connections_max
        self._keepalive_s = keepalive_s
        self._ssl_context = ssl_context
        self._idle: list[httpcore.AsyncHTTPConnection] = []
        self._active = 0

    @property
    def active(self) -> int:
        """How many connections have a request under way."""
        return self._active

    @property
    def idle(self) -> int:
        """How many connections wait for their next request."""
        return len(self._idle)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, once.

        Raises:
            PoolFullError: it was not sent.
            TooLateError: it was not sent, or no more than its head.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError: as far as it got.
        """
        if self._active >= self._connections_max:
            raise PoolFullError
        self._active += 1
        connection: httpcore.AsyncHTTPConnection | None = None
        try:
            connection = await self._take(_origin(request))
            response = await connection.handle_async_request(_core_request(request))
        except BaseException:
            self._active -= 1
            await _close(connection, request.extensions.get("trace"))
            raise
        assert isinstance(response.stream, AsyncIterable)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_AnswerStream(response.stream, lambda: self._give_back(connection)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the idle connections; one with a request under way is closed when that ends."""
        idle, self._idle = self._idle, []
        self._connections_max = 0
        for connection in idle:
            await connection.aclose()

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            origin=origin, ssl_context=self._ssl_context, keepalive_expiry=self._keepalive_s, retries=0
        )

    async def _give_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        self._active -= 1
        if connection.is_idle() and self._connections_max and not _has_left_over(connection):
            self._idle.append(connection)
        else:
            await connection.aclose()


class _AnswerStream(httpx.AsyncByteStream):
    """The body of an answer; its end gives the connection back, exactly once."""

    def __init__(self, stream: AsyncIterable[bytes], on_close: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._on_close: Callable[[], Awaitable[None]] | None = on_close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is None:
            return
        try:
            await self._stream.aclose()  # type: ignore[attr-defined]  # httpcore's streams have it
        finally:
            await on_close()


async def _close(connection: httpcore.AsyncHTTPConnection | None, progress: object) -> None:
    if connection is not None:
        await connection.aclose()
    if isinstance(progress, Progress):
        await progress.abandon()


def _has_left_over(connection: httpcore.AsyncHTTPConnection) -> bool:
    """Whether bytes came after the answer: they would be read as the answer to the next request."""
    state = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return state is None or bool(state.trailing_data[0])


def _origin(request: httpx.Request) -> httpcore.Origin:
    return _core_url(request).origin


def _core_url(request: httpx.Request) -> httpcore.URL:
    url = request.url
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _core_request(request: httpx.Request) -> httpcore.Request:
    return httpcore.Request(
        request.method,
        _core_url(request),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )
