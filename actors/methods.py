"""Which of an adapter's methods answers a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aegispay.domain.request import CaptureMode
from aegispay.domain.resolution import Purpose
from aegispay.ports import Gateway, GatewayRequest, OperationRequest


def method_of(
    gateway: Gateway, purpose: Purpose, request: GatewayRequest, parameters: Mapping[str, str]
) -> Callable[[Any], Any]:
    """Return the method to call with the request.

    Raises:
        AttributeError: the adapter does not have it; registration asks for all that its contract declares.
    """
    method: Callable[..., Any] = getattr(gateway, method_name(purpose, request))
    return partial(method, parameters=parameters) if purpose is Purpose.COMPLETE else method


def method_name(purpose: Purpose, request: GatewayRequest) -> str:
    """Return the name of the adapter's method for a call."""
    if isinstance(request, OperationRequest):
        return "fetch_operation" if purpose is Purpose.LOOKUP else request.kind.value
    match purpose:
        case Purpose.LOOKUP:
            return "fetch_payment"
        case Purpose.COMPLETE:
            return "complete_action"
        case Purpose.SEND | Purpose.RESEND:
            return "authorize" if request.capture is CaptureMode.MANUAL else "charge"
