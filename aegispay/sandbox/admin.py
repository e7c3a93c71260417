"""The operator's endpoints: faults on order, the ledger, and what a provider does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aegispay.sandbox.bodies import SIZE_MAX, Amount, Body, Url, parse, read_json
from aegispay.sandbox.books import Books
from aegispay.sandbox.courier import Courier
from aegispay.sandbox.door import Door
from aegispay.sandbox.faults import Call, Fault, Strike
from aegispay.sandbox.objects import error_object, payment_object
from aegispay.sandbox.outbox import Outbox
from aegispay.sandbox.payment import Payment, RefusedError
from aegispay.sandbox.plan import Armed, FaultChooser, Plan
from aegispay.sandbox.provider import Provider
from aegispay.sandbox.refusals import RefusalError, invalid, too_large
from aegispay.sandbox.signing import is_secret


def _sound_secret(secret: str) -> str:
    if not is_secret(secret):
        raise ValueError("use whsec_ and base64")
    return secret


class _Lax(Body):
    model_config = ConfigDict(strict=False)


class _Endpoint(Body):
    url: Url
    secret: Annotated[str, Field(max_length=200), AfterValidator(_sound_secret)]


class _Match(_Lax):
    operation: Call | None = None
    reference: Annotated[str, Field(max_length=255)] = ""


class _Fault(_Lax):
    fault: Fault
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    match: _Match = _Match()
    seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] | None = None


class _Plan(_Lax):
    seed: int = 0
    rates: dict[Fault, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)


class _Chargeback(Body):
    amount: Amount


class Admin:
    """Serves the operator; nothing here asks who that is, so only this machine may.

    Args:
        books, outbox, provider, chooser, courier: what is told what to do.
        door: the listening socket.
    """

    def __init__(
        self, *, books: Books, outbox: Outbox, provider: Provider, chooser: FaultChooser, courier: Courier, door: Door
    ) -> None:
        self._books = books
        self._outbox = outbox
        self._provider = provider
        self._chooser = chooser
        self._courier = courier
        self._door = door

    def routes(self) -> list[Route]:
        """Return the endpoints, to be mounted under ``/admin``."""
        return [
            Route("/webhooks", self._register, methods=["POST"]),
            Route("/webhooks", self._webhooks, methods=["GET"]),
            Route("/faults", self._arm, methods=["POST"]),
            Route("/faults", self._disarm, methods=["DELETE"]),
            Route("/plan", self._set_plan, methods=["POST"]),
            Route("/ledger", self._ledger, methods=["GET"]),
            Route("/requests", self._requests, methods=["GET"]),
            Route("/payments/{payment_id}/chargeback", self._chargeback, methods=["POST"]),
            Route("/payments/{payment_id}/flip", self._flip, methods=["POST"]),
            Route("/payments/{payment_id}/expire", self._expire, methods=["POST"]),
        ]

    async def _register(self, request: Request) -> Response:
        wanted = parse(_Endpoint, await _content(request))
        with self._books.transaction():
            self._outbox.register(wanted.url, wanted.secret)
        return JSONResponse({"url": wanted.url}, 201)

    async def _webhooks(self, request: Request) -> Response:
        await _content(request)
        with self._books.transaction():
            return JSONResponse({"endpoints": self._outbox.addresses(), "waiting": self._outbox.waiting()})

    async def _arm(self, request: Request) -> Response:
        wanted = parse(_Fault, await _content(request))
        answer = {"fault": wanted.fault.value, "count": wanted.count}
        if wanted.fault is Fault.REFUSE_CONNECTION and wanted.match == _Match():
            # Nobody can be refused whose request has arrived, so it does not wait for one.
            self._door.shut(Strike.of(wanted.fault, wanted.seconds).seconds, None)
            await asyncio.sleep(0)  # noqa: TID251 - the connections close before this is answered
            return JSONResponse(answer)
        self._chooser.arm(
            Armed(
                fault=wanted.fault,
                count=wanted.count,
                call=wanted.match.operation,
                prefix=wanted.match.reference,
                seconds=wanted.seconds,
            )
        )
        return JSONResponse(answer)

    async def _disarm(self, request: Request) -> Response:
        await _content(request)
        self._chooser.disarm()
        with self._books.transaction():
            self._books.set_plan(self._chooser.plan)
        return JSONResponse({"plan": None})

    async def _set_plan(self, request: Request) -> Response:
        wanted = parse(_Plan, await _content(request))
        if sum(wanted.rates.values()) > 1:
            raise invalid("rates", "the shares add up to more than 1")
        self._chooser.plan = Plan(seed=wanted.seed, rates=wanted.rates)
        with self._books.transaction():
            self._books.set_plan(self._chooser.plan)
        return JSONResponse({"seed": wanted.seed, "rates": {str(fault): rate for fault, rate in wanted.rates.items()}})

    async def _ledger(self, request: Request) -> Response:
        await _content(request)
        with self._books.transaction():
            self._provider.run_due()
            return JSONResponse({"movements": list(self._books.movements())})

    async def _requests(self, request: Request) -> Response:
        await _content(request)
        return JSONResponse({"requests": list(self._books.requests())})

    async def _chargeback(self, request: Request) -> Response:
        amount = parse(_Chargeback, await _content(request)).amount
        return self._changed(lambda: self._provider.open_chargeback(request.path_params["payment_id"], amount))

    async def _flip(self, request: Request) -> Response:
        await _content(request)
        return self._changed(lambda: self._provider.flip(request.path_params["payment_id"]))

    async def _expire(self, request: Request) -> Response:
        await _content(request)
        return self._changed(lambda: self._provider.expire(request.path_params["payment_id"]))

    def _changed(self, change: Callable[[], Payment]) -> Response:
        try:
            with self._books.transaction():
                self._provider.run_due()
                payment = change()
        except RefusedError as refused:
            return JSONResponse(error_object("invalid_state", refused.code, str(refused)), 409)
        self._courier.wake()
        return JSONResponse(payment_object(payment, self._provider.base_url))


async def _content(request: Request) -> object:
    """Return what the operator says.

    Raises:
        RefusalError: it comes from another machine, from a web page, or cannot be read.
    """
    client = request.client
    is_near = client is None or client.host == "localhost" or ip_address(client.host).is_loopback
    if not is_near or "origin" in request.headers:
        raise RefusalError(403, "forbidden", "forbidden", "only programs on this machine may use /admin")
    raw = await request.body()
    if len(raw) > SIZE_MAX:
        raise too_large(SIZE_MAX)
    return read_json(raw) if raw else {}
