"""How a provider misbehaves: what the caller gets to see of a call that went wrong."""

from __future__ import annotations

import asyncio
from typing import Any

from aegispay.domain.outcome import GatewayMisconfigured, NotProcessed, Outcome, OutcomeUnknown, Reason
from aegispay.errors import NotSentError
from aegispay.gateways.script import Fault

_NEVER_S = 86_400.0
"""How long a hanging provider takes: longer than anybody waits."""


async def misbehave(fault: Fault, answer: Outcome | None, gateway: str) -> Outcome:
    """Return or raise what the caller sees instead of the answer.

    Raises:
        NotSentError: the connection was refused.
        RuntimeError: the adapter failed before it sent anything.
        ConnectionResetError: the connection was lost after the request was carried out.
    """
    if fault in {Fault.HANG_BEFORE, Fault.HANG_AFTER}:
        await asyncio.sleep(_NEVER_S)  # noqa: TID251 - a slow provider is what is simulated
        return OutcomeUnknown(reason=Reason.TIMEOUT)
    return _before(fault, gateway) if answer is None else _after(fault, answer)


def _before(fault: Fault, gateway: str) -> Outcome:
    match fault:
        case Fault.REFUSE_CONNECTION:
            raise NotSentError(f"{gateway}: connection refused")
        case Fault.RATE_LIMIT:
            return NotProcessed(reason=Reason.RATE_LIMITED, code="429", retry_after_s=1.0)
        case Fault.BAD_CREDENTIALS:
            return GatewayMisconfigured(code="401", message="the API key was refused")
        case Fault.ERROR_BEFORE:
            return OutcomeUnknown(reason=Reason.GATEWAY_FAULT, code="500")
        case _:
            raise RuntimeError("the adapter has a bug")


def _after(fault: Fault, answer: Outcome) -> Outcome:
    match fault:
        case Fault.ERROR_AFTER:
            return OutcomeUnknown(reason=Reason.GATEWAY_FAULT, code="502")
        case Fault.RAISE_AFTER:
            raise ConnectionResetError("the connection was lost")
        case Fault.GARBAGE_AFTER:
            garbage: Any = {"status": "ok?"}
            return garbage  # type: ignore[no-any-return]  # what a broken adapter would do
        case _:
            return answer
