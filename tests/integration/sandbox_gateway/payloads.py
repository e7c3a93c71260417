"""Requests to the adapter, and what the sandbox says to them."""

from __future__ import annotations

import asyncio
from typing import Any

from aegispay.domain.money import Money
from aegispay.domain.payment_method import Card, PaymentMethod
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import OperationKind
from aegispay.gateways.sandbox import SandboxGateway
from aegispay.ports import ChargeRequest, OperationRequest
from tests.unit.gateways.http.provider import Provider, always, provider, response

API_KEY = "sk_sandbox_topsecret"


def charge_request(
    *, capture: CaptureMode = CaptureMode.AUTOMATIC, method: PaymentMethod | None = None, **changes: Any
) -> ChargeRequest:
    fields: dict[str, Any] = {
        "payment_id": "pay_1",
        "reference": "pay_1-a1",
        "idempotency_key": "key-1",
        "money": Money(1_000, "USD"),
        "payment_method": method or Card(token="tok_visa"),
        "customer": None,
        "metadata": {},
        "capture": capture,
        "timeout_s": 30.0,
    }
    return ChargeRequest(**(fields | changes))


def manual_request(**changes: Any) -> ChargeRequest:
    return charge_request(capture=CaptureMode.MANUAL, **changes)


def operation_request(kind: OperationKind = OperationKind.CAPTURE, **changes: Any) -> OperationRequest:
    fields: dict[str, Any] = {
        "payment_id": "pay_1",
        "kind": kind,
        "reference": f"pay_1-{kind}-1",
        "idempotency_key": "key-2",
        "charge_reference": "pay_1-a1",
        "gateway_reference": "sp_1",
        "captures": (),
        "money": Money(300, "USD"),
        "is_final": False,
        "reason": "",
        "timeout_s": 30.0,
    }
    return OperationRequest(**(fields | changes))


def payment(status: str = "captured", **changes: Any) -> dict[str, Any]:
    fields = {
        "object": "payment",
        "id": "sp_1",
        "reference": "pay_1-a1",
        "status": status,
        "amount": 1_000,
        "currency": "USD",
        "authorized_amount": 0 if status in {"requires_action", "processing", "declined"} else 1_000,
        "captured_amount": 1_000 if status == "captured" else 0,
        "refunded_amount": 0,
        "next_action": None,
        "decline": None,
        "captures": [],
        "refunds": [],
        "voids": [],
        "created_at": "2026-01-01T00:00:00+00:00",
        "expires_at": "2026-01-08T00:00:00+00:00",
    }
    return fields | changes


def operation(kind: str = "capture", **changes: Any) -> dict[str, Any]:
    fields = {
        "object": "operation",
        "kind": kind,
        "id": "sc_1",
        "reference": f"pay_1-{kind}-1",
        "payment": "sp_1",
        "amount": 300,
        "currency": "USD",
        "status": "succeeded",
        "failure": None,
    }
    return fields | changes


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": "declined", "code": code, "message": "No.", **more}}


def gateway(url: str, **changes: Any) -> SandboxGateway:
    return SandboxGateway("sandbox", **({"url": url, "api_key": API_KEY} | changes))


def ask(method: str, request: Any, *answers: bytes, **changes: Any) -> tuple[Any, Provider]:
    """Ask a gateway against a provider that answers with these bytes; return its last answer and what was sent."""

    async def scenario() -> tuple[Any, Provider]:
        async with provider(always(*answers)) as server:
            asked = gateway(server.url, **changes)
            for _ in answers:
                answer = await getattr(asked, method)(request)
            await asked.aclose()
            return answer, server

    return asyncio.run(scenario())


def outcome(method: str, request: Any, body: Any, status: int = 200) -> Any:
    return ask(method, request, response(body, status))[0]


def sent(server: Provider, number: int = 0) -> tuple[str, dict[str, str], bytes]:
    """Return request line, headers by lower-case name, and body of a request as it was on the wire."""
    head, _, body = server.requests[number].partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    pairs = (header.partition(": ") for header in headers)
    return line, {name.lower(): value for name, _, value in pairs}, body
