"""Requests as the engine sends them to a gateway."""

from __future__ import annotations

from aegispay.domain.money import Money
from aegispay.domain.payment_method import Card, PaymentMethod
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import OperationKind
from aegispay.ports import ChargeRequest, OperationRequest


def charge_request(
    number: int = 1,
    *,
    token: str = "tok_visa",
    amount_minor: int = 1_000,
    method: PaymentMethod | None = None,
    key: str | None = None,
) -> ChargeRequest:
    return ChargeRequest(
        payment_id=f"pay_{number}",
        reference=f"pay_{number}-a1",
        idempotency_key=key or f"pay_{number}-a1-key",
        money=Money(amount_minor, "USD"),
        payment_method=method or Card(token=token),
        customer=None,
        metadata={},
        capture=CaptureMode.AUTOMATIC,
        timeout_s=30.0,
    )


def operation_request(
    kind: str,
    number: int = 1,
    *,
    of: int = 1,
    amount_minor: int = 1_000,
    currency: str = "USD",
    gateway_reference: str = "",
    is_final: bool = False,
    key: str | None = None,
) -> OperationRequest:
    """Return the `number`-th operation about payment `of`; without the gateway's id it goes by ours."""
    reference = f"pay_{of}-{kind}-{number}"
    return OperationRequest(
        payment_id=f"pay_{of}",
        kind=OperationKind(kind),
        reference=reference,
        idempotency_key=key or f"{reference}-key",
        charge_reference=f"pay_{of}-a1",
        gateway_reference=gateway_reference,
        captures=(),
        money=Money(amount_minor, currency),
        is_final=is_final,
        reason="",
        timeout_s=30.0,
    )
