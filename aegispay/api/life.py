"""Opening and closing an engine, and what its methods share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from aegispay.actors.calls import CallScope
from aegispay.assembly import Assembly, assemble
from aegispay.clock import SystemClock
from aegispay.config import AegisPayConfig
from aegispay.domain.card_data import shown
from aegispay.domain.ids import is_payment_id
from aegispay.domain.payment import Payment
from aegispay.errors import EngineClosedError, EngineFailedError, FieldError, PaymentNotFoundError, ValidationError
from aegispay.history import rebuild
from aegispay.hooks.hook import Hook
from aegispay.hooks.registry import Hooks
from aegispay.interference import Interference
from aegispay.observability.telemetry import Telemetry, default_export
from aegispay.observability.tracing import Export
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint
from aegispay.outbox.webhooks.registry import Webhooks
from aegispay.ports import Clock, EventStore, Gateway
from aegispay.ports.gateway import is_gateway
from aegispay.status.keeper import StatusKeeper, keep_status
from aegispay.storage.sqlite import SqliteStore


class EngineLife:
    """An engine that can be opened and closed."""

    def __init__(
        self,
        database: str | Path | EventStore,
        *,
        gateways: Iterable[Gateway] = (),
        config: AegisPayConfig | None = None,
        clock: Clock | None = None,
        random_source: random.Random | None = None,
        chaos: Interference | None = None,
        hooks: Iterable[Hook] = (),
        webhooks: Iterable[WebhookEndpoint] = (),
        telemetry: Export | None = None,
    ) -> None:
        if not isinstance(database, str | Path) and not hasattr(database, "read_all"):
            raise TypeError(f"database: pass a path or an EventStore, not {type(database).__name__}")
        if config is not None and not isinstance(config, AegisPayConfig):
            raise TypeError(f"config: pass an AegisPayConfig, not {type(config).__name__}")
        if not isinstance(gateways, Iterable):
            raise TypeError(f"gateways: pass a list of gateways, not {type(gateways).__name__}")
        if telemetry is not None and not all(hasattr(telemetry, name) for name in ("start", "current", "observe")):
            raise TypeError(f"telemetry: pass an OpenTelemetry or another Export, not {type(telemetry).__name__}")
        self._chaos = chaos
        self._clock: Clock = clock if clock is not None else SystemClock()
        if chaos is not None:
            self._clock = chaos.clock(self._clock)
        self._config = config if config is not None else AegisPayConfig()
        self._store: EventStore = (
            SqliteStore(database, clock=self._clock) if isinstance(database, str | Path) else database
        )
        if chaos is not None:
            self._store = chaos.store(self._store)
        self._first_gateways = tuple(self._outside(gateway) for gateway in gateways)
        self._random = random_source if random_source is not None else random.SystemRandom()
        self._hooks = Hooks(hooks, failing=None if chaos is None else chaos.failing)
        self._first_webhooks = _endpoints(webhooks)
        self._webhooks: Webhooks | None = None
        self._assembly: Assembly | None = None
        self._status: StatusKeeper | None = None
        self._telemetry = Telemetry(default_export() if telemetry is None else telemetry)
        self._calls = CallScope(clock=self._clock, telemetry=self._telemetry)
        self._lifecycle = asyncio.Lock()

    def __repr__(self) -> str:
        """Show whether it is open and how busy."""
        if self._assembly is None:
            return "<AegisPay closed>"
        names = ", ".join(self._assembly.gateways)
        return f"<AegisPay open gateways=[{names}] in_flight={self._assembly.dispatcher.in_flight}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the database, start the actors, and go on with every unfinished payment.

        Raises:
            StoreOpenError: the database cannot be used; its kinds say why.
            DuplicateGatewayError: two gateways of one name.
        """
        async with self._lifecycle:
            if self._assembly is None:
                if self._chaos is not None:
                    self._chaos.begin(self._clock)
                await self._store.open()
                try:
                    await self._assemble()
                except BaseException:
                    await self._take_apart()
                    raise

    async def _assemble(self) -> None:
        assembly = Assembly(
            store=self._store,
            config=self._config,
            clock=self._clock,
            random_source=self._random,
            calls=self._calls,
            interception=None if self._chaos is None else self._chaos.interception,
            hooks=self._hooks,
            telemetry=self._telemetry,
        )
        self._assembly = await assemble(assembly, self._first_gateways)
        self._webhooks = Webhooks(self._assembly.relay, self._store, self._clock)
        await self._webhooks.start(self._first_webhooks)
        await self._assembly.recover()
        self._webhooks.check()
        self._status = keep_status(self._assembly, self._store, self._clock, self._config.status_interval_s)

    def _outside(self, gateway: Gateway) -> Gateway:
        """Return the gateway as the engine gets to see it; what is none is refused elsewhere."""
        if self._chaos is None or isinstance(gateway, type) or not is_gateway(gateway):
            return gateway
        return self._chaos.gateway(gateway)

    async def close(self) -> None:
        """Refuse new requests, wait for calls in flight up to `shutdown_s`, stop the actors and close the store.

        What is left unfinished is picked up by the next engine. Idempotent.
        """
        # A caller that is cancelled meanwhile must not leave half an engine behind.
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        async with self._lifecycle:
            await self._take_apart()

    async def _take_apart(self) -> None:
        assembly, self._assembly = self._assembly, None
        status, self._status = self._status, None
        try:
            if self._webhooks is not None:
                await self._webhooks.close()
            if assembly is not None:
                await assembly.shut_down(EngineClosedError("the engine was closed"))
        finally:
            if status is not None:
                await status.close()
            await self._store.close()

    async def _payment_on_disk(self, payment_id: str) -> Payment:
        payment = rebuild(payment_id, await self._store.load(payment_id))
        if payment is None:
            raise no_payment(payment_id)
        return payment

    def _open_assembly(self) -> Assembly:
        if self._assembly is None:
            raise EngineClosedError("the engine is not open")
        if isinstance(self._assembly.refusal, EngineFailedError):
            raise EngineFailedError(str(self._assembly.refusal))
        return self._assembly


def _endpoints(given: Iterable[WebhookEndpoint]) -> tuple[WebhookEndpoint, ...]:
    endpoints = tuple(given) if isinstance(given, Iterable) else None
    if endpoints is None or not all(isinstance(endpoint, WebhookEndpoint) for endpoint in endpoints):
        raise TypeError("webhooks: pass a list of WebhookEndpoints")
    names = [endpoint.name for endpoint in endpoints]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValidationError([FieldError("webhooks", "two endpoints have one name", shown(twice))])
    return endpoints


def checked_id(payment_id: str) -> str:
    """Return the id if a payment can have it.

    Raises:
        PaymentNotFoundError: none can.
    """
    if isinstance(payment_id, str) and is_payment_id(payment_id):
        return payment_id
    raise no_payment(payment_id)


def no_payment(payment_id: object) -> PaymentNotFoundError:
    """Return the error for an id that no payment has."""
    return PaymentNotFoundError(f"there is no payment {shown(payment_id)}")
