"""Requests to a sandbox over a real socket, and what a client sees of them."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.sandbox.process import SandboxProcess

API_KEY = "Bearer sk_sandbox_test"
HANG_S = 0.5
"""How long a client waits for an answer that never comes."""
LONG_S = 30.0


def client_of(sandbox: SandboxProcess) -> httpx.Client:
    return httpx.Client(
        base_url=sandbox.url,
        headers={"authorization": API_KEY},
        trust_env=False,
        timeout=httpx.Timeout(LONG_S),
        transport=httpx.HTTPTransport(retries=0),
    )


def charge(
    client: httpx.Client, reference: str, *, fault: str | None = None, timeout_s: float = LONG_S
) -> httpx.Response:
    return client.post(
        "/v1/payments",
        json=body(reference),
        headers={"idempotency-key": f"key-{reference}", **({} if fault is None else {"sandbox-fault": fault})},
        timeout=timeout_s,
    )


def find(client: httpx.Client, reference: str) -> list[dict[str, Any]]:
    return client.get("/v1/payments", params={"reference": reference}).json()["data"]


def body(reference: str) -> dict[str, Any]:
    method = {"type": "card", "token": "tok_visa"}
    return {"reference": reference, "amount": 1000, "currency": "USD", "payment_method": method}


def captured(sandbox: SandboxProcess) -> list[str]:
    """Return the references whose money was really collected, in order."""
    return [each["charge_reference"] for each in sandbox.movements() if each["kind"] == "capture"]
