"""One HTTP request with JSON, sent at most once: an answer, or how far it got."""

from __future__ import annotations

import asyncio
import socket
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from aegispay.gateways.http.answer import HttpAnswer, HttpCall, NoAnswer
from aegispay.gateways.http.body import SIZE_MAX, UnreadableError, read_json
from aegispay.gateways.http.connections import Connections, PoolFullError, Progress
from aegispay.gateways.http.phase import Phase
from aegispay.ports.tracing import outgoing_headers

_CONNECT_SHARE = 1 / 3
"""Connecting must give up well before the whole call does: only then is it known that nothing was sent."""
_CONNECT_MAX_S = 10.0


class HttpTransport:
    """A client for one provider.

    Nothing is ever sent again, redirects are not followed, the environment's proxies and cookies are not used.
    Each event loop gets connections of its own; after `aclose` the next call opens new ones.

    Args:
        base_url: scheme, host, port and perhaps a path.
        connections_max: requests under way at once; more fail in `Phase.POOL`.
        keepalive_s: how long an idle connection is kept, in seconds.
        ssl_context: how to verify the provider; ``None`` for httpx's default.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections_max: int = 256,
        keepalive_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._base_url = base_url
        self._connections_max = connections_max
        self._keepalive_s = keepalive_s
        self._ssl_context = ssl_context
        self._clients: dict[asyncio.AbstractEventLoop, _Client] = {}

    @property
    def connections(self) -> Connections:
        """The running loop's connections."""
        return self._client().connections

    async def send(self, call: HttpCall) -> HttpAnswer | NoAnswer:
        """Send the request once and return what came of it; it raises nothing but its own cancellation.

        Nothing is written once `call.timeout_s` have passed since this was called, however long the process stood
        still in between.
        """
        progress = Progress(write_before=asyncio.get_running_loop().time() + call.timeout_s)
        try:
            async with asyncio.timeout(call.timeout_s):
                return await self._client().send(call, progress)
        except (httpcore.TimeoutException, TimeoutError) as error:
            return NoAnswer(phase=progress.phase, is_timeout=True, error=type(error).__name__)
        except httpcore.ConnectError as error:
            phase = Phase.RESOLVE if _is_about_the_name(error) else progress.phase
            return NoAnswer(phase=phase, is_timeout=False, error=type(error).__name__)
        except PoolFullError as error:
            return NoAnswer(phase=Phase.POOL, is_timeout=False, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - whatever it is, the phase says what may have happened
            return NoAnswer(phase=progress.phase, is_timeout=False, error=type(error).__name__)

    async def aclose(self) -> None:
        """Close the running loop's connections. Idempotent; the next call opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.http.aclose()

    def _client(self) -> _Client:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for ended in [known for known in self._clients if known.is_closed()]:
                del self._clients[ended]
            connections = Connections(
                connections_max=self._connections_max, keepalive_s=self._keepalive_s, ssl_context=self._trust()
            )
            client = self._clients[loop] = _Client(self._base_url, connections)
        return client

    def _trust(self) -> ssl.SSLContext | None:
        if self._ssl_context is None and self._base_url.startswith("https:"):
            # Once: reading the certificates takes longer than a whole payment.
            self._ssl_context = httpx.create_ssl_context(trust_env=False)
        return self._ssl_context


class _Client:
    """httpx on the connections of one event loop."""

    def __init__(self, base_url: str, connections: Connections) -> None:
        self.connections = connections
        self.http = httpx.AsyncClient(
            base_url=base_url,
            transport=connections,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "aegispay"},
        )

    async def send(self, call: HttpCall, progress: Progress) -> HttpAnswer:
        connect_s = min(_CONNECT_MAX_S, call.timeout_s * _CONNECT_SHARE)
        request = self.http.build_request(
            call.method,
            call.path,
            params=call.query or None,
            headers={**call.headers, **outgoing_headers()},
            content=call.content,
            timeout=httpx.Timeout(None, connect=connect_s),
            extensions={"trace": progress},
        )
        response = await self.http.send(request, stream=True)
        try:
            return await _read(response)
        finally:
            await response.aclose()


async def _read(response: httpx.Response) -> HttpAnswer:
    if response.headers.get("content-encoding", "identity") != "identity":
        return HttpAnswer(status=response.status_code, unreadable="encoded, though that was not asked for")
    raw = bytearray()
    async for part in response.aiter_raw():
        raw += part
        if len(raw) > SIZE_MAX:
            return HttpAnswer(status=response.status_code, unreadable=f"more than {SIZE_MAX} bytes")
    try:
        return HttpAnswer(status=response.status_code, body=read_json(bytes(raw)))
    except UnreadableError as error:
        return HttpAnswer(status=response.status_code, unreadable=str(error))


def _is_about_the_name(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False
