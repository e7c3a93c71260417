"""Answers on the wire, whole or broken."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from aegispay.sandbox.carrying import Answer
from aegispay.sandbox.refusals import RefusalError

_JSON = "application/json"
_EDGE = frozenset({502, 504, 520})
"""Statuses of what stands in front of a provider and speaks HTML."""


class HalfResponse(Response):
    """Announces the whole body, sends half of it, and ends the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


def whole(answer: Answer) -> Response:
    """Return the answer as it should be."""
    return Response(answer.body, answer.status, _headers(answer), _EDGE_TYPE if answer.status in _EDGE else _JSON)


def half(answer: Answer) -> Response:
    """Return the answer that breaks in the middle."""
    return HalfResponse(answer.body, answer.status, _headers(answer), _JSON)


async def refused(_: Request, error: Exception) -> Response:
    """Return a refusal as it is sent."""
    assert isinstance(error, RefusalError)
    return JSONResponse(error.body, error.status)


def gone() -> Response:
    """Return what is sent to nobody: the client has left."""
    return Response(status_code=503)


async def until_client_leaves(request: Request) -> None:
    """Wait until the connection is closed from the other side."""
    message: Any = {"type": "http.request"}
    while message["type"] != "http.disconnect":
        message = await request.receive()


_EDGE_TYPE = "text/html"


def _headers(answer: Answer) -> dict[str, str]:
    headers = {"idempotent-replayed": "true"} if answer.is_replay else {}
    return headers | {"retry-after": "1"} if answer.status == 429 else headers
