"""The span around each command that a caller sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from aegispay.actors.payment_messages import (
    CancelPayment,
    CloseIncident,
    CompleteAction,
    NotificationArrived,
    Operate,
    ProcessPayment,
    ResolveDoubt,
    SubmitPayment,
)
from aegispay.domain.payment import Payment
from aegispay.observability.telemetry import Telemetry
from aegispay.observability.tracing import is_sampled

T = TypeVar("T")

_NAMES: dict[type[Any], str] = {
    ProcessPayment: "process_payment",
    CancelPayment: "cancel_payment",
    CompleteAction: "complete_action",
    ResolveDoubt: "resolve_payment",
    CloseIncident: "close_incident",
    NotificationArrived: "receive_webhook",
}


def span_name(message: Any) -> str:
    """Return the name of the method that sends a message."""
    if isinstance(message, SubmitPayment):
        return "pay" if message.process else "create_payment"
    if isinstance(message, Operate):
        return f"{message.kind}_payment"
    return _NAMES.get(type(message), "command")


async def traced(telemetry: Telemetry, payment_id: str, message: Any, carry_out: Callable[[Any], Awaitable[T]]) -> T:
    """Carry a command out within a span of the payment's trace.

    The call that creates a payment belongs to the caller's trace, and is the beginning of the payment's own. Of one
    that is not sampled nothing is made but that beginning, which has its id.

    Raises:
        Exception: whatever the command itself raises.
    """
    is_new = isinstance(message, SubmitPayment)
    parent = None if is_new else await telemetry.trace_of(payment_id)
    if parent is not None and not is_sampled(parent):
        return await carry_out(message)
    span = telemetry.begin(span_name(message), {"aegispay.payment.id": payment_id}, parent=parent)
    sent = replace(message, trace=span.traceparent) if is_new else message
    if not span.is_recorded:
        return await carry_out(sent)
    telemetry.command_began(payment_id, span)
    try:
        answer = await carry_out(sent)
    except BaseException as error:
        span.end(error=type(error).__name__)
        raise
    finally:
        telemetry.command_ended(payment_id, span)
    if isinstance(answer, Payment):
        span.set("aegispay.payment.state", answer.state.value)
        if is_new and answer.trace != span.traceparent:
            span.set("aegispay.is_repetition", True)  # noqa: FBT003 - an attribute's value
    span.end()
    return answer
