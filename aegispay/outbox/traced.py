"""Deliveries as parts of their payments' traces."""

from __future__ import annotations

from dataclasses import replace

from aegispay.observability.telemetry import Telemetry
from aegispay.outbox.definition import Definition, DeliveryContext


def traced(definition: Definition, telemetry: Telemetry) -> Definition:
    """Return the subscription with a span around each try, in which the handler runs, where the payment is traced."""
    handler, kind = definition.handler, definition.kind.value

    async def handle(context: DeliveryContext) -> None:
        if not telemetry.is_tracing:
            await handler(context)
            return
        async with telemetry.delivering(context.stored, subscriber=context.subscriber, kind=kind, tries=context.tries):
            await handler(context)

    return replace(definition, handler=handle)
