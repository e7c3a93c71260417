"""The sandbox inside the test: no socket, a clock that jumps, ids from a seed."""

from __future__ import annotations

import asyncio
import functools
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, Self

import httpx

from aegispay.sandbox.app import Sandbox
from aegispay.sandbox.settings import SandboxSettings
from aegispay.testing import run_virtual, running_clock

API_KEY = "Bearer sk_sandbox_test"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VISA = {"type": "card", "token": "tok_visa"}


class Rig:
    """A client of the sandbox that is also its operator and the receiver of its webhooks."""

    def __init__(self, *, ledger: str = ":memory:", seed: int = 1, **settings: Any) -> None:
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.takes_webhooks: Callable[[int], bool] = lambda _: True
        self.sandbox = Sandbox(
            SandboxSettings(**settings),
            ledger,
            clock=running_clock(),
            chance=random.Random(seed),
            post=self._post,
        )
        transport = httpx.ASGITransport(app=self.sandbox.app, raise_app_exceptions=True)
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://sandbox", headers={"authorization": API_KEY}
        )

    async def __aenter__(self) -> Self:
        self._lifespan = self.sandbox.app.router.lifespan_context(self.sandbox.app)
        await self._lifespan.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self._lifespan.__aexit__(None, None, None)

    async def post(self, path: str, body: Any, *, key: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers={"idempotency-key": key, **named})

    async def charge(
        self, reference: str = "r1", *, key: str = "", fault: str | None = None, **body: Any
    ) -> httpx.Response:
        wanted = {"reference": reference, "amount": 1000, "currency": "USD", "payment_method": VISA, **body}
        headers = {} if fault is None else {"sandbox_fault": fault}
        return await self.post("/v1/payments", wanted, key=key or f"key-{reference}", **headers)

    async def authorize(self, reference: str = "r1", **more: Any) -> str:
        answer = await self.charge(reference, capture="manual", **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def operate(
        self, what: str, payment: str, reference: str, *, fault: str | None = None, **body: Any
    ) -> httpx.Response:
        headers = {} if fault is None else {"sandbox_fault": fault}
        path = f"/v1/payments/{payment}/{what}"
        return await self.post(path, {"reference": reference, **body}, key=f"key-{reference}", **headers)

    async def get(self, path: str, *, fault: str | None = None, **query: str) -> httpx.Response:
        return await self.client.get(path, params=query, headers={} if fault is None else {"sandbox-fault": fault})

    async def find(self, reference: str, **more: Any) -> list[dict[str, Any]]:
        return (await self.get("/v1/payments", reference=reference, **more)).json()["data"]

    async def find_operation(self, reference: str, **more: Any) -> list[dict[str, Any]]:
        return (await self.get("/v1/operations", reference=reference, **more)).json()["data"]

    async def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.client.request(method, f"/admin{path}", json=body)

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def subscribe(self) -> None:
        assert (await self.admin("POST", "/webhooks", {"url": "http://shop/hook", "secret": SECRET})).is_success

    async def moved(self) -> list[tuple[str, str, int]]:
        """Return (kind, reference, amount) of all money that moved."""
        ledger = (await self.admin("GET", "/ledger")).json()["movements"]
        return [(each["kind"], each["reference"], each["amount"]) for each in ledger]

    async def wire(self) -> list[dict[str, Any]]:
        return (await self.admin("GET", "/requests")).json()["requests"]

    def events(self) -> list[str]:
        return [event["type"] for _, event in self.received]

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> bool:
        assert url == "http://shop/hook"
        self.received.append((headers, json.loads(body)))
        return self.takes_webhooks(len(self.received))


def virtually(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on a loop whose time jumps."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(test(*args, **kwargs))

    return run


CHARGED = [("authorize", "r1", 1000), ("capture", "r1", 1000)]
