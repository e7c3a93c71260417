"""The engine: the public methods, and the one place that knows every part."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack, overload

from aegispay.actors import ActorRef
from aegispay.actors.calls import CallScope
from aegispay.actors.gateway import GatewayMetrics, GetGatewayMetrics, SetEnabled
from aegispay.actors.payment_messages import ProcessPayment, SubmitPayment
from aegispay.assembly import Assembly, assemble
from aegispay.clock import SystemClock
from aegispay.config import AegisConfig
from aegispay.domain.card_data import shown
from aegispay.domain.ids import derive_payment_id, is_payment_id
from aegispay.domain.payment import Payment
from aegispay.domain.request import parse_request
from aegispay.errors import (
    EngineClosedError,
    EngineFailedError,
    PaymentNotFoundError,
    UnknownGatewayError,
    ValidationError,
)
from aegispay.fields import PaymentFields, PaymentFilters, check_names
from aegispay.filters import parse_filters
from aegispay.history import rebuild
from aegispay.ports import Clock, EventStore, Gateway, StoredEvent
from aegispay.storage.sqlite import SqliteStore
from aegispay.supervision import Node
from aegispay.views import EngineHealth, PaymentPage


class AegisPay:
    """A payment-orchestration engine inside your process.

    Use it as ``async with AegisPay("payments.db", gateways=[...]) as aegis:``. Opening takes the database over,
    and every payment that was being processed when the last engine ended goes on by itself.

    Args:
        database: path of the SQLite file, made when missing; or an `EventStore`.
        gateways: registered in this order, which breaks ties in routing.
        config: every setting, see `AegisConfig`.
        clock: where time comes from; the machine's clock by default.
        random_source: jitter is drawn from it; seed it to repeat a run.

    Raises (on opening):
        StoreOpenError: the database cannot be used; its kinds say why.
        DuplicateGatewayError: two gateways of one name.

    Every method raises `EngineClosedError` while the engine is not open, and `EngineFailedError` once it gave up.
    """

    def __init__(
        self,
        database: str | Path | EventStore,
        *,
        gateways: Iterable[Gateway] = (),
        config: AegisConfig | None = None,
        clock: Clock | None = None,
        random_source: random.Random | None = None,
    ) -> None:
        if not isinstance(database, str | Path) and not hasattr(database, "read_all"):
            raise TypeError(f"database: pass a path or an EventStore, not {type(database).__name__}")
        if config is not None and not isinstance(config, AegisConfig):
            raise TypeError(f"config: pass an AegisConfig, not {type(config).__name__}")
        if not isinstance(gateways, Iterable):
            raise TypeError(f"gateways: pass a list of gateways, not {type(gateways).__name__}")
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._config = config if config is not None else AegisConfig()
        self._store: EventStore = (
            SqliteStore(database, clock=self._clock) if isinstance(database, str | Path) else database
        )
        self._first_gateways = tuple(gateways)
        self._random = random_source if random_source is not None else random.Random()  # noqa: S311 - only jitter
        self._assembly: Assembly | None = None
        self._calls = CallScope(clock=self._clock)
        self._lifecycle = asyncio.Lock()

    def __repr__(self) -> str:
        """Show whether it is open and how busy."""
        if self._assembly is None:
            return "<AegisPay closed>"
        names = ", ".join(self._assembly.gateways)
        return f"<AegisPay open gateways=[{names}] in_flight={self._assembly.dispatcher.in_flight}>"

    # --- life ---------------------------------------------------------------------------------------

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
                await self._store.open()
                try:
                    await self._assemble()
                except BaseException:
                    await self._take_apart()
                    raise

    async def _assemble(self) -> None:
        self._assembly = await assemble(
            store=self._store,
            gateways=self._first_gateways,
            config=self._config,
            clock=self._clock,
            random_source=self._random,
            calls=self._calls,
        )
        await self._assembly.recover()

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
        try:
            if assembly is not None:
                await assembly.shut_down(EngineClosedError("the engine was closed"))
        finally:
            await self._store.close()

    # --- payments -----------------------------------------------------------------------------------

    async def create_payment(self, **fields: Unpack[PaymentFields]) -> Payment:
        """Create a payment, or return the one that this idempotency key created before.

        Args:
            **fields: see `PaymentFields`.

        Returns:
            The payment, `INITIATED` when new. It is durable: a crash after this returned does not lose it.

        Raises:
            ValidationError: fields are wrong; every problem is listed. Nothing was stored.
            CardDataError: card data stands where a token belongs.
            IdempotencyConflictError: the key belongs to another request.
            UnknownGatewayError: `gateway` names none that is registered.
            OverloadedError: too much is in flight; nothing happened.
            StoreError: the store failed; see its kinds.
        """
        return await self._submit(fields, process=False)

    async def pay(self, **fields: Unpack[PaymentFields]) -> Payment:
        """Create a payment and process it: `create_payment` and `process_payment` with one commit less.

        Returns and raises what those two do.
        """
        return await self._submit(fields, process=True)

    async def process_payment(self, payment_id: str) -> Payment:
        """Process a payment and wait until it settles. Concurrent calls join the one that runs.

        Returns:
            The payment: `SUCCESS`, or `FAILURE` with its `failure`, or `REQUIRES_ACTION`, or still `PROCESSING` with
            `in_doubt` when the outcome is not known; then the engine goes on asking and never charges again.

        Raises:
            PaymentNotFoundError: there is no such payment.
            PaymentParkedError: it kept crashing and waits for an operator.
            PaymentTimeoutError: it did not settle within `answer_timeout_s`; it goes on.
            NoGatewayError: no gateway is registered.
            OverloadedError: too much is in flight; nothing happened.
        """
        return await self._open_assembly().dispatcher.settle(_checked(payment_id), ProcessPayment())

    async def get_payment(self, payment_id: str) -> Payment:
        """Return the payment as it is on disk.

        Raises:
            PaymentNotFoundError: there is no such payment.
        """
        self._open_assembly()
        payment = rebuild(payment_id, await self._store.load(_checked(payment_id)))
        if payment is None:
            raise _no_payment(payment_id)
        return payment

    async def get_payment_by_idempotency_key(self, idempotency_key: str, *, merchant: str = "default") -> Payment:
        """Return the payment that the merchant's key created.

        Raises:
            PaymentNotFoundError: the key was never used.
        """
        self._open_assembly()
        try:
            return await self.get_payment(derive_payment_id(self._store.salt, merchant, idempotency_key))
        except (PaymentNotFoundError, UnicodeEncodeError):
            raise PaymentNotFoundError(
                f"merchant {shown(merchant)} has no payment with the key {shown(idempotency_key)}"
            ) from None

    async def list_payments(self, **filters: Unpack[PaymentFilters]) -> PaymentPage:
        """Return a page of payments, newest first.

        Args:
            **filters: see `PaymentFilters`; pass the page's `next_cursor` as `after` for the next one.

        Raises:
            ValidationError: a filter is wrong.
        """
        self._open_assembly()
        try:
            page = await self._store.list_payments(parse_filters({**filters}))
        except ValidationError as error:
            raise ValidationError(error.errors, hint="Correct the named filters.") from error.__cause__
        streams = await self._store.load_many([row.payment_id for row in page.rows])
        payments = (rebuild(row.payment_id, streams[row.payment_id]) for row in page.rows)
        return PaymentPage(
            payments=tuple(payment for payment in payments if payment is not None),
            next_cursor=page.next_cursor,
        )

    async def payment_events(self, payment_id: str) -> tuple[StoredEvent, ...]:
        """Return everything that happened to the payment, in order.

        Raises:
            PaymentNotFoundError: there is no such payment.
        """
        self._open_assembly()
        events = await self._store.load(_checked(payment_id))
        if not events:
            raise _no_payment(payment_id)
        return events

    def payment_ref(self, payment_id: str) -> ActorRef[Any]:
        """Return the ref of the payment's actor, to send it messages of `aegispay.actors.payment_messages` yourself.

        The ref outlives the actor's incarnations: a message starts the actor when it is not in memory.

        Raises:
            PaymentNotFoundError: no payment can have this id; whether one has it, the actor says.
        """
        return self._open_assembly().directory.ref(_checked(payment_id))

    async def unpark_payment(self, payment_id: str, *, operator: str) -> Payment:
        """Let a parked payment go on.

        Args:
            payment_id: which.
            operator: who decided that; kept in the log.

        Raises:
            PaymentNotFoundError: there is no such payment.
        """
        assembly = self._open_assembly()
        await assembly.unpark(_checked(payment_id), operator=operator)
        return await self.get_payment(payment_id)

    # --- gateways and state -------------------------------------------------------------------------

    async def register_gateway(self, gateway: Gateway) -> None:
        """Add a gateway while the engine runs.

        Raises:
            DuplicateGatewayError: one of that name is registered.
            ValidationError: the object is no gateway, or its name is not usable.
        """
        await self._open_assembly().register(gateway)

    async def disable_gateway(self, name: str, *, reason: str) -> None:
        """Give the gateway no new payments, from the next decision on; kept across restarts.

        Raises:
            UnknownGatewayError: no such gateway.
            StoreError: it is switched off, but a restart would not know of it.
        """
        await self._switch_gateway(name, SetEnabled(is_enabled=False, reason=reason))

    async def enable_gateway(self, name: str) -> None:
        """Let the gateway have payments again.

        Raises:
            UnknownGatewayError: no such gateway.
        """
        await self._switch_gateway(name, SetEnabled(is_enabled=True))

    @overload
    async def gateway_metrics(self) -> tuple[GatewayMetrics, ...]: ...

    @overload
    async def gateway_metrics(self, name: str) -> GatewayMetrics: ...

    async def gateway_metrics(self, name: str | None = None) -> GatewayMetrics | tuple[GatewayMetrics, ...]:
        """Return how one gateway is doing, or all of them in order of registration.

        Raises:
            UnknownGatewayError: no such gateway.
        """
        if name is not None:
            metrics: GatewayMetrics = await self._ask_gateway(name, GetGatewayMetrics())
            return metrics
        names = tuple(self._open_assembly().gateways)
        return tuple([await self._ask_gateway(each, GetGatewayMetrics()) for each in names])

    async def health(self) -> EngineHealth:
        """Return the engine's state at a glance."""
        assembly = self._open_assembly()
        gateways = await self.gateway_metrics()
        parked = await self._store.parked()
        return EngineHealth(
            is_healthy=assembly.refusal is None and not parked and any(g.is_enabled and g.health > 0 for g in gateways),
            gateways=gateways,
            states=await self._store.count_states(),
            parked=parked,
            in_flight=assembly.dispatcher.in_flight,
            calls=len(assembly.calls),
            actors=len(assembly.directory),
            recovering=len(assembly.recovery),
        )

    async def supervision_tree(self) -> Node:
        """Return the tree of supervisors and actors; ``print(node.render())`` shows it."""
        return self._open_assembly().tree()

    # --- inside -------------------------------------------------------------------------------------

    def _open_assembly(self) -> Assembly:
        if self._assembly is None:
            raise EngineClosedError("the engine is not open")
        if isinstance(self._assembly.refusal, EngineFailedError):
            raise EngineFailedError(str(self._assembly.refusal))
        return self._assembly

    async def _submit(self, fields: PaymentFields, *, process: bool) -> Payment:
        self._open_assembly()
        check_names(fields)
        request = parse_request(**fields)
        payment_id = derive_payment_id(self._store.salt, request.merchant, request.idempotency_key)
        message = SubmitPayment(request=request, fingerprint=request.fingerprint(), process=process)
        dispatcher = self._open_assembly().dispatcher
        return await (dispatcher.settle if process else dispatcher.ask)(payment_id, message)

    async def _switch_gateway(self, name: str, message: SetEnabled) -> None:
        """Switch, and answer only once the next start would know of it."""
        await self._store.save_gateway(name, await self._ask_gateway(name, message))

    async def _ask_gateway(self, name: str, message: Any) -> Any:
        assembly = self._open_assembly()
        entry = assembly.gateways.get(name)
        if entry is None:
            known = ", ".join(assembly.gateways) or "none"
            raise UnknownGatewayError(f"gateway: {name!r} is not registered; there are {known}")
        return await entry.ref.ask(message, block=False, timeout=self._config.answer_timeout_s)


def _checked(payment_id: str) -> str:
    """Return the id if a payment can have it."""
    if isinstance(payment_id, str) and is_payment_id(payment_id):
        return payment_id
    raise _no_payment(payment_id)


def _no_payment(payment_id: object) -> PaymentNotFoundError:
    return PaymentNotFoundError(f"there is no payment {shown(payment_id)}")
