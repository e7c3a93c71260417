"""Requests as the engine sends them to a gateway."""

from __future__ import annotations

from aegispay.domain.money import Money
from aegispay.domain.payment_method import Card, PaymentMethod
from aegispay.domain.request import CaptureMode
from aegispay.ports import ChargeRequest


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
