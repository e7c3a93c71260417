"""Who an event goes back to: the merchant, the engine, a gateway, a hook, or a person."""

from __future__ import annotations

from collections.abc import Mapping

from aegispay.domain import events as e
from aegispay.domain.evidence import Evidence

MERCHANT = "merchant"
ENGINE = "engine"
PAYER = "payer"
BANK = "payer's bank"


def author(event: e.Event, gateways: Mapping[int, str]) -> str:
    """Return who decided or reported what the event says.

    Args:
        event: what happened.
        gateways: the gateway of each attempt, by its number.
    """
    match event:
        case e.PaymentInitiated() | e.CancelRequested():
            return MERCHANT
        case e.PaymentEnriched(hook=hook) | e.HookJudged(hook=hook):
            return f"hook {hook}"
        case e.IncidentClosed(operator=operator) | e.PaymentUnparked(operator=operator):
            return f"operator {operator}"
        case e.OperationEvent():
            return _of_operation(event, gateways)
        case e.ActionCompleted():
            return PAYER
        case e.PaymentChargedBack():
            return BANK
        case e.OutcomeResolved(evidence=Evidence.OPERATOR, detail=detail):
            return _operator(detail)
        case e.PaymentFailed(gateway=gateway) | e.ActionRequired(gateway=gateway):
            return ENGINE if gateway is None else f"gateway {gateway}"
        case e.AttemptFailed() | e.OutcomeResolved() | e.PaymentAuthorized() | e.PaymentSucceeded():
            return _gateway(event.number, gateways)
        case _:
            return ENGINE


def _of_operation(event: e.OperationEvent, gateways: Mapping[int, str]) -> str:
    match event:
        case e.OperationRequested(key=key):
            return MERCHANT if key else ENGINE
        case e.OperationSucceeded(evidence=Evidence.OPERATOR) | e.OperationFailed(evidence=Evidence.OPERATOR):
            return _operator(event.detail)
        case e.OperationSucceeded() | e.OperationFailed():
            return _gateway(max(gateways, default=0), gateways)
        case _:
            return ENGINE


def _operator(detail: str) -> str:
    # As a verdict is kept: who, and what it rests on.
    return f"operator {detail.partition(': ')[0]}"


def _gateway(number: int, gateways: Mapping[int, str]) -> str:
    return f"gateway {gateways[number]}" if number in gateways else ENGINE
