"""The ways of one payment that are crashed at every place, and what each must come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aegispay import (
    Declined,
    DeclineKind,
    GatewayContract,
    LookupAuthority,
    NotFound,
    OutcomeUnknown,
    Reason,
    SimulatedGateway,
)
from aegispay.gateways.ledger import MemoryLedger
from aegispay.ports import ChargeRequest, Clock
from tests.integration.engine.rig import Adapter, approval

_OUTAGE_S = 60.0

Gateways = Callable[[MemoryLedger, Clock], list[Any]]


@dataclass(frozen=True)
class Scenario:
    """Gateways, the token that makes them behave, and who must have charged at the end, if anybody.

    Attributes:
        or_by: who else may have charged instead, after a crash.
    """

    name: str
    gateways: Gateways
    charged_by: str | None
    token: str = "tok_visa"
    or_by: str | None = None

    def __str__(self) -> str:
        return self.name


def _simulated(name: str, ledger: MemoryLedger, clock: Clock, **options: Any) -> SimulatedGateway:
    return SimulatedGateway(name, ledger=ledger, clock=clock, latency_s=0.1, **options)


def _two(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    return [_simulated("alpha", ledger, clock), _simulated("beta", ledger, clock)]


def _first_down(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    alpha, beta = _two(ledger, clock)
    alpha.is_up = False
    asyncio.get_running_loop().call_later(_OUTAGE_S, setattr, alpha, "is_up", True)
    return [alpha, beta]


def _first_declines(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    declined = Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE)
    return [Adapter(declined, lookup=declined, name="alpha"), _simulated("beta", ledger, clock)]


def _without_look_up(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    contract = GatewayContract(lookup=LookupAuthority.NONE)
    return [_simulated("alpha", ledger, clock, contract=contract), _simulated("beta", ledger, clock)]


class _LosesTheFirst(Adapter):
    """Loses its first request before it arrives; every later one is carried out, once per key."""

    async def charge(self, request: ChargeRequest) -> Any:
        self.requests.append(request)
        if len(self.requests) == 1:
            return OutcomeUnknown(reason=Reason.CONNECTION_LOST)
        return await self.fetch_payment(request) if self._has(request) else self.take(request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        if not self._has(request):
            return NotFound()
        return approval(request, reference=f"{self.name}-{request.reference}")

    def _has(self, request: ChargeRequest) -> bool:
        return self.ledger.find_reference(self.name, request.reference) is not None


def _first_request_lost(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    return [_LosesTheFirst(name="alpha", ledger=ledger), _simulated("beta", ledger, clock)]


SCENARIOS = (
    Scenario("plain success", _two, "alpha"),
    # A crash before the answer leaves a doubt about alpha, which only alpha can settle: then it charges, not beta.
    Scenario("failover after the first was not reached", _first_down, "beta", or_by="alpha"),
    Scenario("soft decline, then success", _first_declines, "beta"),
    Scenario("hard decline", _two, None, "tok_declined"),
    Scenario("unknown, resolved by look-up", _two, "alpha", "tok_error_after_charge"),
    Scenario("unknown, resolved by sending again", _without_look_up, "alpha", "tok_error_after_charge"),
    Scenario("lost, not found, sent again", _first_request_lost, "alpha"),
)
