"""What every test of a whole engine needs: orders, gateways with one ledger, virtual time."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aegispay import AegisPay, AegisPayConfig, Approved, GatewayContract, GatewayHealth, MemoryStore, SimulatedGateway
from aegispay.clock import SystemClock
from aegispay.gateways.ledger import (
    EntryKind,
    EntryStatus,
    LedgerEntry,
    MemoryLedger,
    captured_minor,
    refunded_minor,
)
from aegispay.ports import ChargeRequest, Clock, GatewayRequest, NotFound, OperationRequest
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
            config=AegisPayConfig(**config),
            random_source=random.Random(7),
        )

    def __getitem__(self, name: str) -> SimulatedGateway:
        return next(gateway for gateway in self.gateways if gateway.name == name)

    def charges(self, payment_id: str | None = None) -> list[tuple[str, int]]:
        """Return (gateway, minor units) of what was really taken, for one payment or all."""
        return [(entry.gateway, entry.amount_minor) for entry in self._done(payment_id) if entry.is_charged]

    def moved(self, payment_id: str | None = None) -> list[tuple[str, int]]:
        """Return (kind, minor units) of everything that providers really did, in order, for one payment or all."""
        return [(entry.kind.value, entry.amount_minor) for entry in self._done(payment_id)]

    def captured_minor(self, payment_id: str) -> int:
        return captured_minor(self.ledger, payment_id)

    def refunded_minor(self, payment_id: str) -> int:
        return refunded_minor(self.ledger, payment_id)

    def _done(self, payment_id: str | None) -> list[LedgerEntry]:
        entries = self.ledger.entries() if payment_id is None else self.ledger.of_payment(payment_id)
        return [entry for entry in entries if entry.is_done]

    async def types(self, payment_id: str) -> list[str]:
        """Return the stored names of the payment's events."""
        return [stored.event.type.value for stored in await self.store.load(payment_id)]


class Adapter:
    """A gateway whose every method is given: a value is answered, an exception raised, a callable awaited.

    What is not given: authorizing answers as charging does, captures, voids and refunds are approved as asked, and
    look-ups find nothing. The health check says yes after `health_s`.
    """

    def __init__(
        self,
        charge: Any = None,
        *,
        lookup: Any = None,
        authorize: Any = None,
        capture: Any = None,
        void: Any = None,
        refund: Any = None,
        operation_lookup: Any = None,
        name: str = "odd",
        contract: GatewayContract | None = None,
        ledger: MemoryLedger | None = None,
        clock: Clock | None = None,
        health_s: float = 0.0,
    ) -> None:
        self.name = name
        self.contract = contract if contract is not None else GatewayContract()
        self.ledger = ledger if ledger is not None else MemoryLedger()
        self.clock = clock if clock is not None else SystemClock()
        self.requests: list[ChargeRequest] = []
        self.lookups: list[ChargeRequest] = []
        self.operations: list[OperationRequest] = []
        self.operation_lookups: list[OperationRequest] = []
        self.health_s = health_s
        self._charge = charge
        self._authorize = charge if authorize is None else authorize
        self._lookup = NotFound() if lookup is None else lookup
        self._operate = {"capture": capture, "void": void, "refund": refund}
        self._operation_lookup = NotFound() if operation_lookup is None else operation_lookup

    async def charge(self, request: ChargeRequest) -> Any:
        self.requests.append(request)
        return await _answer(self._charge, request)

    async def authorize(self, request: ChargeRequest) -> Any:
        self.requests.append(request)
        return await _answer(self._authorize, request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        self.lookups.append(request)
        return await _answer(self._lookup, request)

    async def capture(self, request: OperationRequest) -> Any:
        return await self._perform(request)

    async def void(self, request: OperationRequest) -> Any:
        return await self._perform(request)

    async def refund(self, request: OperationRequest) -> Any:
        return await self._perform(request)

    async def fetch_operation(self, request: OperationRequest) -> Any:
        self.operation_lookups.append(request)
        return await _answer(self._operation_lookup, request)

    async def health_check(self) -> GatewayHealth:
        await elapse(self.health_s)
        return GatewayHealth(is_up=True)

    async def _perform(self, request: OperationRequest) -> Any:
        self.operations.append(request)
        given = self._operate[request.kind.value]
        if given is None:
            return approval(request, reference=f"{self.name}-{request.reference}")
        return await _answer(given, request)

    def take(self, request: GatewayRequest, kind: EntryKind | None = None) -> Approved:
        """Do it for real, a charge unless the request or `kind` says otherwise: write it down, return the approval."""
        approved = approval(request, reference=f"{self.name}-{request.reference}")
        is_operation = isinstance(request, OperationRequest)
        default = EntryKind(request.kind.value) if is_operation else EntryKind.CHARGE
        self.ledger.add(
            LedgerEntry(
                gateway=self.name,
                kind=default if kind is None else kind,
                status=EntryStatus.DONE,
                reference=request.reference,
                charge_reference=request.charge_reference if is_operation else request.reference,
                idempotency_key=request.idempotency_key,
                digest="",
                payment_id=request.payment_id,
                amount_minor=request.money.amount_minor,
                currency=request.money.currency,
                at=self.clock.now(),
                answer="",
            )
        )
        return approved


class ActionAdapter(Adapter):
    """An adapter that is told when the payer came back; `complete` answers (request, parameters)."""

    def __init__(self, charge: Any = None, *, complete: Any = None, **given: Any) -> None:
        super().__init__(charge, **given)
        self.completions: list[tuple[ChargeRequest, dict[str, str]]] = []
        self._complete = complete

    async def complete_action(self, request: ChargeRequest, parameters: Mapping[str, str]) -> Any:
        self.completions.append((request, dict(parameters)))
        return await _answer(self._complete, request, parameters)


def approval(request: GatewayRequest, *, reference: str = "ref-1", **changes: Any) -> Approved:
    fields = {"amount_minor": request.money.amount_minor, "currency": request.money.currency}
    return Approved(reference=reference, **(fields | changes))


async def _answer(what: Any, *asked: Any) -> Any:
    if isinstance(what, BaseException):
        raise what
    return await what(*asked) if callable(what) and not isinstance(what, type) else what
