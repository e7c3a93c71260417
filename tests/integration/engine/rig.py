"""What every test of a whole engine needs: orders, gateways with one ledger, virtual time."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Coroutine
from typing import Any

from aegispay import AegisConfig, AegisPay, Approved, GatewayContract, GatewayHealth, MemoryStore, SimulatedGateway
from aegispay.gateways.ledger import LedgerEntry, MemoryLedger
from aegispay.ports import ChargeRequest, NotFound
from aegispay.testing import run_virtual, running_clock


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a loop of its own whose time jumps; a `loop_seed` argument also orders the loop."""

    @functools.wraps(test)
    def run(*arguments: Any, **keywords: Any) -> None:
        run_virtual(test(*arguments, **keywords), seed=keywords.get("loop_seed"))

    return run


async def elapse(seconds: float) -> None:
    """Let virtual time pass."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


def order(key: str = "order-1", token: str = "tok_visa", **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "idempotency_key": key,
        "amount": "100.00",
        "currency": "USD",
        "payment_method": {"type": "card", "token": token},
    }
    return fields | changes


class World:
    """Everything outside the engine; it stays when an engine ends."""

    def __init__(self, *names: str, contract: GatewayContract | None = None, **gateway: Any) -> None:
        self.clock = running_clock()
        self.ledger = MemoryLedger()
        self.store = MemoryStore(clock=self.clock)
        self.gateways = [
            SimulatedGateway(name, contract=contract, ledger=self.ledger, clock=self.clock, **gateway)
            for name in names or ("alpha",)
        ]

    def engine(self, *more: Any, store: Any = None, **config: Any) -> AegisPay:
        return AegisPay(
            self.store if store is None else store,
            gateways=[*self.gateways, *more],
            clock=self.clock,
            config=AegisConfig(**config),
            random_source=random.Random(7),
        )

    def __getitem__(self, name: str) -> SimulatedGateway:
        return next(gateway for gateway in self.gateways if gateway.name == name)

    def charges(self, payment_id: str | None = None) -> list[tuple[str, int]]:
        """Return (gateway, minor units) of what was really charged, for one payment or all."""
        return [
            (entry.gateway, entry.amount_minor)
            for entry in self.ledger.entries()
            if entry.is_charged and payment_id in {None, entry.payment_id}
        ]

    async def types(self, payment_id: str) -> list[str]:
        """Return the stored names of the payment's events."""
        return [stored.event.type.value for stored in await self.store.load(payment_id)]


class Adapter:
    """A gateway whose every method is given: a value is answered, an exception raised, a callable awaited.

    Its health check says yes after `health_s`.
    """

    def __init__(
        self,
        charge: Any = None,
        *,
        lookup: Any = None,
        name: str = "odd",
        contract: GatewayContract | None = None,
        ledger: MemoryLedger | None = None,
        health_s: float = 0.0,
    ) -> None:
        self.name = name
        self.contract = contract if contract is not None else GatewayContract()
        self.ledger = ledger if ledger is not None else MemoryLedger()
        self.requests: list[ChargeRequest] = []
        self.lookups: list[ChargeRequest] = []
        self.health_s = health_s
        self._charge = charge
        self._lookup = NotFound() if lookup is None else lookup

    async def charge(self, request: ChargeRequest) -> Any:
        self.requests.append(request)
        return await _answer(self._charge, request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        self.lookups.append(request)
        return await _answer(self._lookup, request)

    async def health_check(self) -> GatewayHealth:
        await elapse(self.health_s)
        return GatewayHealth(is_up=True)

    def take(self, request: ChargeRequest) -> Approved:
        """Charge for real: write it into the ledger and return the approval."""
        approved = approval(request, reference=f"{self.name}-{request.reference}")
        self.ledger.add(
            LedgerEntry(
                gateway=self.name,
                reference=request.reference,
                idempotency_key=request.idempotency_key,
                digest="",
                payment_id=request.payment_id,
                amount_minor=request.money.amount_minor,
                currency=request.money.currency,
                is_charged=True,
                answer="",
            )
        )
        return approved


def approval(request: ChargeRequest, *, reference: str = "ref-1", **changes: Any) -> Approved:
    fields = {"amount_minor": request.money.amount_minor, "currency": request.money.currency}
    return Approved(reference=reference, **(fields | changes))


async def _answer(what: Any, request: ChargeRequest) -> Any:
    if isinstance(what, BaseException):
        raise what
    return await what(request) if callable(what) and not isinstance(what, type) else what
