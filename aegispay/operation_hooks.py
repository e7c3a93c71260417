"""Lifecycle hooks around the commands that callers send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aegispay.actors.payment_messages import (
    CancelPayment,
    CompleteAction,
    Operate,
    ProcessPayment,
    ResolveDoubt,
    SubmitPayment,
)
from aegispay.domain.payment import Payment
from aegispay.hooks.lifecycle import Lifecycle


def operations_of(message: Any) -> tuple[str, ...]:
    """Return the names under which hooks know what a message asks for; none for what they do not stand around."""
    match message:
        case SubmitPayment(process=process):
            return ("create", "process") if process else ("create",)
        case ProcessPayment():
            return ("process",)
        case Operate(kind=kind):
            return (kind.value,)
        case CancelPayment():
            return ("cancel",)
        case CompleteAction():
            return ("complete_action",)
        case ResolveDoubt():
            return ("resolve",)
        case _:
            return ()


async def around(
    lifecycle: Lifecycle, payment_id: str, message: Any, carry_out: Callable[[], Awaitable[Payment]]
) -> Payment:
    """Ask who stands before the operation, carry it out, and tell who stands after it.

    Raises:
        HookRefusedError: somebody refused, so it was not carried out.
        Exception: whatever the operation itself raises.
    """
    operations = operations_of(message)
    request = message.request if isinstance(message, SubmitPayment) else None
    await lifecycle.before(operations, payment_id, request)
    try:
        payment = await carry_out()
    except Exception as error:
        lifecycle.after(operations, payment_id, request=request, error=error)
        raise
    lifecycle.after(operations, payment_id, request=request, payment=payment)
    return payment
