"""What is sent to the sandbox: the same bytes for every send of one request."""

from __future__ import annotations

import json
from typing import Any

from aegispay.domain.payment_method import Card, NetBanking, PayLater, PaymentMethod, Upi, Wallet
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import OperationKind
from aegispay.ports import ChargeRequest, OperationRequest
from aegispay.vault import RawCard


def payment_body(request: ChargeRequest, card: RawCard | None, *, may_be_partial: bool) -> bytes:
    """Return the body of a payment.

    Args:
        request: what is asked; every byte follows from it and from the contract.
        may_be_partial: whether the contract offers to authorize less than was asked.
        card: what the request's token stands for, where a vault has it.
    """
    return _bytes(
        {
            "reference": request.reference,
            "amount": request.money.amount_minor,
            "currency": request.money.currency,
            "capture": request.capture.value,
            "partial_allowed": may_be_partial and request.capture is CaptureMode.MANUAL,
            "payment_method": _raw(card) if card is not None else _method(request.payment_method),
            "metadata": {"payment_id": request.payment_id},
            **({} if request.return_url is None else {"return_url": request.return_url}),
        }
    )


def operation_body(request: OperationRequest) -> bytes:
    """Return the body of a capture, void or refund."""
    body: dict[str, Any] = {"reference": request.reference}
    if request.kind is not OperationKind.VOID:
        body["amount"] = request.money.amount_minor
    if request.kind is OperationKind.CAPTURE:
        body["final"] = request.is_final
    return _bytes(body)


def _method(method: PaymentMethod) -> dict[str, str]:
    match method:
        case Card(token=token):
            return {"type": "card", "token": token}
        case Upi(vpa=vpa):
            return {"type": "upi", "vpa": vpa}
        case NetBanking(bank_code=bank_code, token=token):
            return {"type": "net_banking", "bank_code": bank_code, **_token(token)}
        case Wallet(provider=provider, token=token):
            return {"type": "wallet", "provider": provider, **_token(token)}
        case PayLater(provider=provider, token=token):
            return {"type": "pay_later", "provider": provider, **_token(token)}


def _token(token: str | None) -> dict[str, str]:
    return {} if token is None else {"token": token}


def _raw(card: RawCard) -> dict[str, str | int]:
    fields: dict[str, str | int] = {
        "type": "card",
        "number": card.number.get_secret_value(),
        "expiry_month": card.expiry_month,
        "expiry_year": card.expiry_year,
    }
    return fields if card.cvc is None else fields | {"cvc": card.cvc.get_secret_value()}


def _bytes(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
