"""The engine: all public methods together."""

from __future__ import annotations

from aegispay.api.audit import AuditMethods
from aegispay.api.configuration import ConfigurationMethods
from aegispay.api.gateways import GatewayMethods
from aegispay.api.hooks import HookMethods
from aegispay.api.observing import ObservingMethods
from aegispay.api.operations import OperationMethods
from aegispay.api.operators import OperatorMethods
from aegispay.api.payments import PaymentMethods
from aegispay.api.privacy import PrivacyMethods
from aegispay.api.routing import RoutingMethods
from aegispay.api.subscriptions import SubscriptionMethods
from aegispay.api.webhooks_out import WebhookMethods


class AegisPay(
    PaymentMethods,
    OperationMethods,
    OperatorMethods,
    ObservingMethods,
    GatewayMethods,
    RoutingMethods,
    ConfigurationMethods,
    HookMethods,
    SubscriptionMethods,
    WebhookMethods,
    AuditMethods,
    PrivacyMethods,
):
    """A payment-orchestration engine inside your process.

    Use it as ``async with AegisPay("payments.db", gateways=[...]) as aegis:``. Opening takes the database over,
    and every payment that was being processed when the last engine ended goes on by itself.

    Args:
        database: path of the SQLite file, made when missing; or an `EventStore`.
        gateways: registered in this order, which breaks ties in routing.
        config: every setting, see `AegisPayConfig`.
        clock: where time comes from; the machine's clock by default.
        random_source: jitter is drawn from it; seed it to repeat a run.
        hooks: registered in this order, see `Hook`; more can be registered at any time through `hooks`.
        webhooks: endpoints that are told of events, see `add_webhook_endpoint`; they need ``aegispay[webhooks]``.
        telemetry: where traces and measurements go; by default to OpenTelemetry's global providers, if it is installed.
        chaos: faults on purpose, such as an `aegispay.chaos.Chaos`; never where real money is at stake.

    Raises (on opening):
        StoreOpenError: the database cannot be used; its kinds say why.
        DuplicateGatewayError: two gateways of one name.
        UnsafeAddressError, DuplicateSubscriberError: about one of the webhooks, see `add_webhook_endpoint`.

    Every method raises `EngineClosedError` while the engine is not open, and `EngineFailedError` once it gave up.
    """
