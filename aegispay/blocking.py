"""The same engine for code without an event loop: it runs on a loop thread of its own."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from aegispay.actors import ActorRef
from aegispay.actors.gateway_metrics import GatewayMetrics
from aegispay.api.hooks import ReviewVerdict
from aegispay.blocking_audit import BlockingAuditMethods
from aegispay.blocking_privacy import BlockingPrivacyMethods
from aegispay.blocking_subscriptions import BlockingSubscriptionMethods
from aegispay.blocking_webhooks import BlockingWebhookMethods
from aegispay.config import AegisPayConfig
from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.domain.evidence import Verdict
from aegispay.domain.money import Amount
from aegispay.domain.payment import Payment
from aegispay.engine import AegisPay
from aegispay.errors import EngineClosedError
from aegispay.fields import ConfigurationChanges, PaymentFields, PaymentFilters, RouteFields
from aegispay.hooks.hook import Hook
from aegispay.hooks.registry import Hooks
from aegispay.interference import Interference
from aegispay.observability.tracing import Export
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint
from aegispay.ports import Clock, EventStore, Gateway, Receipt, StoredEvent
from aegispay.revisions import ConfigurationRevision
from aegispay.supervision import Node
from aegispay.views import EngineHealth, EngineMetrics, PaymentPage, RoutePreview

T = TypeVar("T")


class BlockingAegisPay(
    BlockingSubscriptionMethods, BlockingWebhookMethods, BlockingAuditMethods, BlockingPrivacyMethods
):
    """`AegisPay` without ``await``: the same methods, arguments, answers and errors, from any thread.

    Use it as ``with BlockingAegisPay("payments.db", gateways=[...]) as aegis:``. Gateways run on the engine's own
    loop thread. Every method may be called from many threads at once, of the process that opened it: a fork inherits
    no threads, so a forked child is refused with `EngineClosedError` and opens an engine of its own.
    """

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
        self._engine = AegisPay(
            database,
            gateways=gateways,
            config=config,
            clock=clock,
            random_source=random_source,
            chaos=chaos,
            hooks=hooks,
            webhooks=webhooks,
            telemetry=telemetry,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opened_by = 0

    def __repr__(self) -> str:
        """Show what the engine inside shows."""
        return f"<Blocking{repr(self._engine).lstrip('<')}"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start the loop thread and open the engine; see `AegisPay.open`."""
        self._refuse_fork()
        if self._loop is not None:
            return
        self._opened_by = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aegispay", daemon=True)
        self._thread.start()
        try:
            self._run(self._engine.open())
        except BaseException:
            self._stop_loop()
            raise

    def close(self) -> None:
        """Close the engine and end the loop thread; see `AegisPay.close`. Idempotent.

        In a forked child it does nothing: the engine is the parent's, and so are the sockets its loop wakes up by.
        """
        if self._loop is None or self._is_forked():
            return
        try:
            self._run(self._engine.close())
        finally:
            self._stop_loop()

    def create_payment(self, **fields: Unpack[PaymentFields]) -> Payment:
        """See `AegisPay.create_payment`."""
        return self._run(self._engine.create_payment(**fields))

    def pay(self, **fields: Unpack[PaymentFields]) -> Payment:
        """See `AegisPay.pay`."""
        return self._run(self._engine.pay(**fields))

    def process_payment(self, payment_id: str) -> Payment:
        """See `AegisPay.process_payment`."""
        return self._run(self._engine.process_payment(payment_id))

    def get_payment(self, payment_id: str) -> Payment:
        """See `AegisPay.get_payment`."""
        return self._run(self._engine.get_payment(payment_id))

    def get_payment_by_idempotency_key(self, idempotency_key: str, *, merchant: str = "default") -> Payment:
        """See `AegisPay.get_payment_by_idempotency_key`."""
        return self._run(self._engine.get_payment_by_idempotency_key(idempotency_key, merchant=merchant))

    def list_payments(self, **filters: Unpack[PaymentFilters]) -> PaymentPage:
        """See `AegisPay.list_payments`."""
        return self._run(self._engine.list_payments(**filters))

    def payment_events(self, payment_id: str) -> tuple[StoredEvent, ...]:
        """See `AegisPay.payment_events`."""
        return self._run(self._engine.payment_events(payment_id))

    def payment_ref(self, payment_id: str) -> ActorRef[Any]:
        """See `AegisPay.payment_ref`; ``ref.ask(message)`` blocks as pykka's does."""
        self._refuse_fork()
        return self._engine.payment_ref(payment_id)

    def capture_payment(
        self,
        payment_id: str,
        *,
        idempotency_key: str,
        amount: Amount | None = None,
        currency: str | None = None,
        is_final: bool = True,
    ) -> Payment:
        """See `AegisPay.capture_payment`."""
        return self._run(
            self._engine.capture_payment(
                payment_id, idempotency_key=idempotency_key, amount=amount, currency=currency, is_final=is_final
            )
        )

    def refund_payment(
        self,
        payment_id: str,
        *,
        idempotency_key: str,
        amount: Amount | None = None,
        currency: str | None = None,
        reason: str = "",
    ) -> Payment:
        """See `AegisPay.refund_payment`."""
        return self._run(
            self._engine.refund_payment(
                payment_id, idempotency_key=idempotency_key, amount=amount, currency=currency, reason=reason
            )
        )

    def cancel_payment(
        self, payment_id: str, *, reason: str = "requested", idempotency_key: str | None = None
    ) -> Payment:
        """See `AegisPay.cancel_payment`."""
        return self._run(self._engine.cancel_payment(payment_id, reason=reason, idempotency_key=idempotency_key))

    def complete_action(self, payment_id: str, *, parameters: Mapping[str, str] | None = None) -> Payment:
        """See `AegisPay.complete_action`."""
        return self._run(self._engine.complete_action(payment_id, parameters=parameters))

    def resolve_payment(
        self,
        payment_id: str,
        verdict: Verdict | str,
        *,
        evidence: str,
        operator: str,
        reference: str | None = None,
        gateway_reference: str | None = None,
        amount: Amount | None = None,
    ) -> Payment:
        """See `AegisPay.resolve_payment`."""
        return self._run(
            self._engine.resolve_payment(
                payment_id,
                verdict,
                evidence=evidence,
                operator=operator,
                reference=reference,
                gateway_reference=gateway_reference,
                amount=amount,
            )
        )

    def close_incident(self, payment_id: str, incident_id: str, *, operator: str, detail: str) -> Payment:
        """See `AegisPay.close_incident`."""
        return self._run(self._engine.close_incident(payment_id, incident_id, operator=operator, detail=detail))

    def receive_webhook(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """See `AegisPay.receive_webhook`."""
        return self._run(self._engine.receive_webhook(gateway, headers, body))

    def metrics(self) -> EngineMetrics:
        """See `AegisPay.metrics`."""
        return self._run(self._engine.metrics())

    def latest_metrics(self) -> EngineMetrics:
        """See `AegisPay.latest_metrics`."""
        return self._engine.latest_metrics()

    def unpark_payment(self, payment_id: str, *, operator: str) -> Payment:
        """See `AegisPay.unpark_payment`."""
        return self._run(self._engine.unpark_payment(payment_id, operator=operator))

    def register_gateway(self, gateway: Gateway) -> None:
        """See `AegisPay.register_gateway`."""
        self._run(self._engine.register_gateway(gateway))

    def disable_gateway(self, name: str, *, reason: str) -> None:
        """See `AegisPay.disable_gateway`."""
        self._run(self._engine.disable_gateway(name, reason=reason))

    def enable_gateway(self, name: str) -> None:
        """See `AegisPay.enable_gateway`."""
        self._run(self._engine.enable_gateway(name))

    def configure(
        self,
        *,
        operator: str,
        reason: str,
        expected_revision: int | None = None,
        **changes: Unpack[ConfigurationChanges],
    ) -> ConfigurationRevision:
        """See `AegisPay.configure`."""
        return self._run(
            self._engine.configure(operator=operator, reason=reason, expected_revision=expected_revision, **changes)
        )

    def configuration(self) -> ConfigurationRevision:
        """See `AegisPay.configuration`."""
        return self._run(self._engine.configuration())

    def configuration_history(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[ConfigurationRevision, ...]:
        """See `AegisPay.configuration_history`."""
        return self._run(self._engine.configuration_history(before=before, limit=limit))

    @property
    def hooks(self) -> Hooks:
        """See `AegisPay.hooks`."""
        return self._engine.hooks

    def review_payment(self, payment_id: str, verdict: ReviewVerdict | str, *, operator: str, reason: str) -> Payment:
        """See `AegisPay.review_payment`."""
        return self._run(self._engine.review_payment(payment_id, verdict, operator=operator, reason=reason))

    def validate(self, name: str, value: Any) -> None:
        """See `AegisPay.validate`."""
        self._run(self._engine.validate(name, value))

    def preview_route(self, **fields: Unpack[RouteFields]) -> RoutePreview:
        """See `AegisPay.preview_route`."""
        return self._run(self._engine.preview_route(**fields))

    def force_breaker(
        self,
        name: str,
        *,
        state: BreakerState | Literal["open", "closed"],
        reason: str,
        operation: BreakerScope | Literal["charge", "capture", "void", "refund"] | None = None,
    ) -> None:
        """See `AegisPay.force_breaker`."""
        self._run(self._engine.force_breaker(name, state=state, reason=reason, operation=operation))

    def reset_breaker(
        self, name: str, *, operation: BreakerScope | Literal["charge", "capture", "void", "refund"] | None = None
    ) -> None:
        """See `AegisPay.reset_breaker`."""
        self._run(self._engine.reset_breaker(name, operation=operation))

    @overload
    def gateway_metrics(self) -> tuple[GatewayMetrics, ...]: ...

    @overload
    def gateway_metrics(self, name: str) -> GatewayMetrics: ...

    def gateway_metrics(self, name: str | None = None) -> GatewayMetrics | tuple[GatewayMetrics, ...]:
        """See `AegisPay.gateway_metrics`."""
        if name is None:
            return self._run(self._engine.gateway_metrics())
        return self._run(self._engine.gateway_metrics(name))

    def health(self) -> EngineHealth:
        """See `AegisPay.health`."""
        return self._run(self._engine.health())

    def supervision_tree(self) -> Node:
        """See `AegisPay.supervision_tree`."""
        return self._run(self._engine.supervision_tree())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            loop = self._loop_to_wait_for()
        except EngineClosedError:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def _loop_to_wait_for(self) -> asyncio.AbstractEventLoop:
        self._refuse_fork()
        if self._loop is None:
            raise EngineClosedError("the engine is not open")
        if threading.current_thread() is self._thread:
            raise EngineClosedError(
                "a blocking call on the engine's own loop thread would never return",
                hint="Inside gateways and callbacks, use the awaitable AegisPay.",
            )
        return self._loop

    def _refuse_fork(self) -> None:
        if self._is_forked():
            raise EngineClosedError(
                f"the engine was opened by process {self._opened_by}, and this is a fork of it",
                hint="Make and open the engine after the fork, in the process that uses it.",
            )

    def _is_forked(self) -> bool:
        return self._loop is not None and self._opened_by != os.getpid()

    def _stop_loop(self) -> None:
        loop, self._loop = self._loop, None
        thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
