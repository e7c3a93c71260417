"""The sandbox as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from aegispay.ports import Clock
from aegispay.sandbox.admin import Admin
from aegispay.sandbox.books import Books
from aegispay.sandbox.brownout import BrownOut
from aegispay.sandbox.carrying import Carrier
from aegispay.sandbox.challenge import ChallengePage
from aegispay.sandbox.courier import AT_ONCE_MAX, Courier, Post, http_post
from aegispay.sandbox.database import Database
from aegispay.sandbox.desk import Desk, Inside
from aegispay.sandbox.door import Door, NoDoor
from aegispay.sandbox.lookups import Finder
from aegispay.sandbox.objects import error_object
from aegispay.sandbox.outbox import Outbox
from aegispay.sandbox.plan import FaultChooser
from aegispay.sandbox.provider import Provider
from aegispay.sandbox.refusals import RefusalError
from aegispay.sandbox.sending import refused
from aegispay.sandbox.settings import SandboxSettings

_LOG = logging.getLogger("aegispay.sandbox")
_WEBHOOK_TIMEOUT_S = 5.0


class Sandbox:
    """A whole provider over one ledger; its `app` is served until it is closed.

    Args:
        settings: how it behaves.
        ledger: the SQLite file; ``:memory:`` for none.
        clock: its time.
        chance: where its ids and its secret come from.
        door: its listening socket.
        post: delivers webhooks; over HTTP by default.

    Attributes:
        app: the ASGI application.

    Raises:
        StoreOpenError: the ledger cannot be used.
        StoreLockedError: another sandbox has it open.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        ledger: Path | str,
        *,
        clock: Clock,
        chance: random.Random,
        door: Door | None = None,
        post: Post | None = None,
    ) -> None:
        door = door or NoDoor()
        self._database = Database(ledger)
        self._client = httpx.AsyncClient(
            timeout=_WEBHOOK_TIMEOUT_S, trust_env=False, limits=httpx.Limits(max_connections=AT_ONCE_MAX)
        )
        books, outbox = Books(self._database, chance), Outbox(self._database)
        self._provider = Provider(settings, books, outbox, clock)
        with books.transaction():
            secret = self._provider.open()
            chooser = FaultChooser(books.plan(), books.send_counts())
        self.courier = Courier(books, outbox, self._provider, clock, post or http_post(self._client))
        inside = Inside(
            settings=settings,
            clock=clock,
            books=books,
            carrier=Carrier(settings, books, self._provider, clock),
            finder=Finder(books, self._provider, clock),
            chooser=chooser,
            brown_out=BrownOut(clock),
            courier=self.courier,
            secret=secret,
        )
        admin = Admin(
            books=books, outbox=outbox, provider=self._provider, chooser=chooser, courier=self.courier, door=door
        )
        self._settings = settings
        self.app = self._make_app(Desk(inside, door), admin, ChallengePage(books, self._provider, self.courier))

    def listens_on(self, url: str) -> None:
        """Say where the payer finds the challenge page."""
        self._provider.base_url = url

    async def close(self) -> None:
        """Close the ledger and the connections."""
        await self._client.aclose()
        self._database.close()

    def _make_app(self, desk: Desk, admin: Admin, challenge: ChallengePage) -> Starlette:
        operations = "/v1/payments/{payment_id}"
        routes = [
            Route("/v1/payments", desk.charge, methods=["POST"]),
            Route("/v1/payments", desk.look_up, methods=["GET"]),
            Route("/v1/operations", desk.look_up, methods=["GET"]),
            Route(operations, desk.look_up, methods=["GET"]),
            Route(f"{operations}/captures", desk.capture, methods=["POST"]),
            Route(f"{operations}/voids", desk.void, methods=["POST"]),
            Route(f"{operations}/refunds", desk.refund, methods=["POST"]),
            Route("/v1/health", self._health, methods=["GET"]),
            Mount("/admin", routes=admin.routes()),
            *challenge.routes(),
        ]
        handlers = {RefusalError: refused, Exception: _failed}
        return Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)

    async def _health(self, _: Request) -> Response:
        # What a key protects is told as well: a client that relies on more than that pays twice.
        return JSONResponse(
            {
                "status": "up",
                "key_covers_failures": self._settings.keeps_failures,
                "key_window_s": self._settings.key_window_s,
            }
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.courier.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.close()


async def _failed(_: Request, error: Exception) -> Response:
    # The text of an error may repeat what was sent; its place in the code does not.
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    place = "" if frames is None else f"{frames.tb_frame.f_code.co_filename}:{frames.tb_lineno}"
    _LOG.error("request failed: error=%s at=%s", type(error).__name__, place)
    return JSONResponse(error_object("provider_error", "internal", "something went wrong"), 500)
