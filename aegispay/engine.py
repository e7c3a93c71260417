"""The engine: all public methods together."""

from __future__ import annotations

from aegispay.api.configuration import ConfigurationMethods
from aegispay.api.gateways import GatewayMethods
from aegispay.api.hooks import HookMethods
from aegispay.api.operations import OperationMethods
from aegispay.api.operators import OperatorMethods
from aegispay.api.payments import PaymentMethods
from aegispay.api.routing import RoutingMethods


class AegisPay(
    PaymentMethods, OperationMethods, OperatorMethods, GatewayMethods, RoutingMethods, ConfigurationMethods, HookMethods
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
        chaos: faults on purpose, such as an `aegispay.chaos.Chaos`; never where real money is at stake.

    Raises (on opening):
        StoreOpenError: the database cannot be used; its kinds say why.
        DuplicateGatewayError: two gateways of one name.

    Every method raises `EngineClosedError` while the engine is not open, and `EngineFailedError` once it gave up.
    """
