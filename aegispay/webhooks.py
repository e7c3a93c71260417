"""An ASGI application that takes gateways' webhooks: mount it in your own server.

app.mount("/webhooks", asgi(engine))     # POST /webhooks/alpha is for the gateway "alpha"
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from aegispay.errors import EngineStateError, RefusedWebhook, StoreError, UnknownGatewayError, WebhookRefusedError
from aegispay.inbox import BODY_BYTES_MAX
from aegispay.log import sampled
from aegispay.observability.lines import LineLogger
from aegispay.ports import Receipt

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_ROUTE = re.compile(r"/([a-z0-9_-]{1,64})")
_BODY_S = 30.0
"""How long a webhook may take to arrive; a sender that drips must not hold a connection for ever."""
_RETRY_AFTER_S = 5
_REFUSALS = {
    RefusedWebhook.SIGNATURE: 401,
    RefusedWebhook.TIMESTAMP: 401,
    RefusedWebhook.UNREADABLE: 400,
    RefusedWebhook.TOO_LARGE: 413,
}


class WebhookReceiver(Protocol):
    """The part of the engine that this needs."""

    async def receive_webhook(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Verify and keep a webhook. Raises what `AegisPay.receive_webhook` raises."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    status: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


_NOT_FOUND = _Answer(404, "unknown")
_NOT_ALLOWED = _Answer(405, "method_not_allowed", ((b"allow", b"POST"),))
_TIMEOUT = _Answer(408, "timeout")
_TOO_LARGE = _Answer(413, RefusedWebhook.TOO_LARGE)
_FAILED = _Answer(500, "error")
_LATER = _Answer(503, "unavailable", ((b"retry-after", str(_RETRY_AFTER_S).encode()),))
_CHALLENGE = ((b"www-authenticate", b"Signature"),)


class _GoneError(Exception):
    """The sender went away before its webhook was complete."""


class _TooLargeError(Exception):
    """The body is, or says it will be, larger than any webhook."""


def asgi(engine: WebhookReceiver) -> Application:
    """Return the application that hands webhooks to the engine.

    It answers ``POST /{gateway}`` below the path where it is mounted:

    - 200: kept, or known before, or nothing of interest. The gateway may forget it.
    - 401: the signature or its timestamp is wrong. 400: it cannot be read. 413: larger than 1,000,000 bytes.
    - 404: no such gateway, or one without webhooks. 405: another method than POST. 408: it took longer than 30 s.
    - 503 with ``Retry-After``: the engine cannot keep it now. The gateway has to send it again.
    - 500: anything else; details are in the log only.

    Every answer is JSON with a ``status``. The signature is the only authentication, so nothing in front of this may
    change the body. It has to run on the event loop on which the engine was opened.

    Args:
        engine: an open `AegisPay`.
    """
    log = sampled(lambda: asyncio.get_running_loop().time())

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await _serve(engine, scope, receive, send, log)
            case "lifespan":
                await _live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1008})
            case other:
                raise NotImplementedError(f"scope {other!r} is not served here")

    return application


async def _serve(engine: WebhookReceiver, scope: Scope, receive: Receive, send: Send, log: LineLogger) -> None:
    try:
        answer = await _answer(engine, scope, receive, log)
    except _GoneError:
        return
    body = json.dumps({"status": answer.status}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _answer(engine: WebhookReceiver, scope: Scope, receive: Receive, log: LineLogger) -> _Answer:
    route = _ROUTE.fullmatch(_path(scope))
    if route is None:
        return _NOT_FOUND
    if scope["method"] != "POST":
        return _NOT_ALLOWED
    try:
        headers = _headers(scope["headers"])
        async with asyncio.timeout(_BODY_S):
            body = await _body(headers, receive)
    except _TooLargeError:
        return _TOO_LARGE
    except TimeoutError:
        return _TIMEOUT
    return await _hand_over(engine, route[1], headers, body, log)


async def _hand_over(
    engine: WebhookReceiver, gateway: str, headers: Mapping[str, str], body: bytes, log: LineLogger
) -> _Answer:
    try:
        receipt = await engine.receive_webhook(gateway, headers, body)
    except UnknownGatewayError:
        return _NOT_FOUND
    except WebhookRefusedError as refused:
        code = _REFUSALS.get(refused.reason, 400)
        return _Answer(code, refused.reason, _CHALLENGE if code == 401 else ())
    except (StoreError, EngineStateError) as error:
        log.warning("webhook_not_kept", gateway=gateway, error=type(error).__name__)
        return _LATER
    except Exception as error:  # noqa: BLE001 - the sender learns nothing of it, and may send it again
        # Not its traceback, which may quote what was received.
        log.error("webhook_failed", gateway=gateway, error=type(error).__name__)  # noqa: TRY400
        return _FAILED
    return _Answer(200, receipt)


def _path(scope: Scope) -> str:
    """Return the path below the mount; servers and frameworks leave the mount's own path in front of it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if f"{path}/".startswith(f"{root}/") else path


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name in lower case; one that is repeated is one list, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > BODY_BYTES_MAX:
        raise _TooLargeError
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise _TooLargeError
        if not message.get("more_body", False):
            return bytes(body)


async def _live(receive: Receive, send: Send) -> None:
    """Take part in the server's life when this is the whole application; the engine has a life of its own."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
