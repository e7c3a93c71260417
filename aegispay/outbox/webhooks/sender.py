"""One event to one endpoint: a signed request, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping

import httpcore
import httpx

from aegispay.delivery_errors import UnsafeAddressError
from aegispay.domain.card_data import mask_card_numbers
from aegispay.errors import FieldError, ValidationError
from aegispay.gateways.http.connections import Progress
from aegispay.outbox.webhooks.answer import Answer, excerpt
from aegispay.outbox.webhooks.endpoint import Resolve, WebhookEndpoint, revealed
from aegispay.outbox.webhooks.network import CheckedNetwork, SystemResolver, checked_addresses
from aegispay.outbox.webhooks.signing import signed_headers
from aegispay.outbox.webhooks.transport import CheckedConnections, trusted
from aegispay.ports import Clock

BODY_BYTES_MAX = 4_096
"""What is read of an answer; only its beginning is ever shown."""
_BODY_S = 1.0
"""How long the rest of an answer is waited for, once its status is known."""
_SECRET_CHARS_MIN = 6
"""Whatever is shorter stands in many answers by chance."""
_CHECK_S = 5.0
"""How long a name may take when an endpoint is added: the engine may be waiting for it to open."""
_CONNECTIONS_PER_PLACE = 3
"""Tries that were given up, and answers that are still being read, may hold connections beside those under way."""
_CONNECT_SHARE = 0.5
_CONNECT_MAX_S = 10.0
_HEADERS = {
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "aegispay-webhooks",
}


class WebhookSender:
    """Posts to one endpoint.

    It has no client of httpx around its connections: that would follow redirects, keep cookies, take proxies from the
    environment, and log every address with its query.

    Args:
        endpoint: where to, and with which secrets.
        clock: for the time in signatures.

    Raises:
        ValidationError: the endpoint's file of certificate authorities cannot be used.
    """

    def __init__(self, endpoint: WebhookEndpoint, *, clock: Clock) -> None:
        self._endpoint = endpoint
        self._keys = endpoint.keys
        self._hidden = _hidden(endpoint)
        self._clock = clock
        self._resolver = SystemResolver()
        self._resolve: Resolve = endpoint.policy.resolve or self._resolver
        target = endpoint.target
        self._is_allowed = target.host in endpoint.policy.allowed_hosts
        self._network = CheckedNetwork(self._resolve, is_allowed=self._is_allowed)
        self._connections = CheckedConnections(
            self._network, _trust(endpoint), connections_max=endpoint.concurrency * _CONNECTIONS_PER_PLACE
        )
        connect_s = min(_CONNECT_MAX_S, endpoint.timeout_s * _CONNECT_SHARE)
        self._timeout = httpx.Timeout(None, connect=connect_s).as_dict()

    async def check(self) -> None:
        """Ask for the endpoint's addresses once. That nobody knows them now is no reason to refuse it.

        Raises:
            UnsafeAddressError: one of them is not public.
        """
        target = self._endpoint.target
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CHECK_S):
                await checked_addresses(target.host, target.port, self._resolve, is_allowed=self._is_allowed)

    async def post(self, event_id: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send an event, once, and return what came of it; it raises nothing but its own cancellation.

        Args:
            event_id: the same for every try.
            body: the same for every try, UTF-8.
            headers: more of them, for example those of a trace.
        """
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                request = self._request(event_id, body, headers or {})
                response = await self._connections.handle_async_request(request)
            return await self._answer(response, self._clock.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 - whatever it is, the try has failed
            return Answer(status=None, latency_s=self._clock.monotonic() - begun, error=self._words(error))

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._connections.aclose()
        self._resolver.close()

    def _request(self, event_id: str, body: bytes, headers: Mapping[str, str]) -> httpx.Request:
        progress = Progress(write_before=asyncio.get_running_loop().time() + self._endpoint.timeout_s)
        signed = signed_headers(event_id, body, keys=self._keys, at=self._clock.now())
        return httpx.Request(
            "POST",
            self._endpoint.target.url,
            headers={**headers, **_HEADERS, **signed},
            content=body,
            extensions={"timeout": self._timeout, "trace": progress},
        )

    async def _answer(self, response: httpx.Response, latency_s: float) -> Answer:
        try:
            said = await _read(response)
        finally:
            await response.aclose()
        return Answer(
            status=response.status_code,
            latency_s=latency_s,
            error="" if response.is_success else excerpt(said, hidden=self._hidden),
            retry_after=response.headers.get("retry-after", ""),
        )

    def _words(self, error: Exception) -> str:
        """Return what went wrong, without anything of the address that is secret."""
        match error:
            case UnsafeAddressError():
                return f"not sent: the address {error.errors[0].message}"
            case httpcore.ConnectTimeout() | httpcore.ConnectError() if _is_about_a_certificate(error):
                return "not sent: its certificate does not hold"
            case httpcore.ConnectTimeout() | httpcore.ConnectError():
                return "not sent: no connection"
            case TimeoutError() | httpcore.TimeoutException():
                return f"no answer within {self._endpoint.timeout_s:g} s"
            case OSError():
                return "not sent: the host has no address"
            case _:
                return f"no answer: {mask_card_numbers(type(error).__name__)}"


def _trust(endpoint: WebhookEndpoint) -> ssl.SSLContext:
    try:
        return trusted(endpoint.policy.ca_file)
    except (OSError, ssl.SSLError) as error:
        message = f"cannot be used: {type(error).__name__}"
        raise ValidationError([FieldError("policy.ca_file", message, str(endpoint.policy.ca_file))]) from None


def _hidden(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """Return what an answer may repeat, and nobody may read in a log, the longest first."""
    target = endpoint.target
    path, _, query = target.path.partition("?")
    values = query.replace("&", "=").split("=")
    found = (target.url, target.path, path, query, *values, *map(revealed, endpoint.secrets))
    return tuple(sorted((text for text in set(found) if len(text) >= _SECRET_CHARS_MIN), key=len, reverse=True))


async def _read(response: httpx.Response) -> bytes:
    """Return the beginning of an answer; its status counts, however the rest of it comes or does not come."""
    raw = bytearray()
    with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(_BODY_S):
            async for part in response.aiter_raw():
                raw += part
                if len(raw) >= BODY_BYTES_MAX:
                    break
    return bytes(raw[:BODY_BYTES_MAX])


def _is_about_a_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
