"""Scenarios of the charge alone: success, failover, declines, and every kind of doubt."""

from __future__ import annotations

import asyncio
from typing import Any

from aegispay import (
    Declined,
    DeclineKind,
    GatewayContract,
    LookupAuthority,
    NotFound,
    OutcomeUnknown,
    PaymentState,
    Reason,
)
from aegispay.gateways.ledger import MemoryLedger
from aegispay.ports import ChargeRequest, Clock
from tests.crash.caller import Caller
from tests.crash.scenarios import End, Scenario, Story, alpha, simulated, two
from tests.integration.engine.rig import Adapter, approval

_OUTAGE_S = 60.0
_BY_ALPHA = End(PaymentState.SUCCESS, alpha(charge=10_000))
_BY_BETA = End(PaymentState.SUCCESS, (("beta", "charge", 10_000),))


def _first_down(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    first, second = two(ledger, clock)
    first.is_up = False
    asyncio.get_running_loop().call_later(_OUTAGE_S, setattr, first, "is_up", True)
    return [first, second]


def _first_declines(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    declined = Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE)
    return [Adapter(declined, lookup=declined, name="alpha"), simulated("beta", ledger, clock)]


def _without_look_up(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    contract = GatewayContract(lookup=LookupAuthority.NONE)
    return [simulated("alpha", ledger, clock, contract=contract), simulated("beta", ledger, clock)]


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
    return [_LosesTheFirst(name="alpha", ledger=ledger, clock=clock), simulated("beta", ledger, clock)]


def _paying(token: str = "tok_visa") -> Story:
    return lambda caller: _pay(caller, token)


async def _pay(caller: Caller, token: str) -> None:
    await caller.pay(token)


async def _create_and_process(caller: Caller) -> None:
    await caller.create_and_process()


CHARGES = (
    Scenario("plain success", two, _paying(), (_BY_ALPHA,)),
    Scenario("created, then processed", two, _create_and_process, (_BY_ALPHA,)),
    # A crash before the answer leaves a doubt about alpha, which only alpha can settle: then it charges, not beta.
    Scenario("failover after the first was not reached", _first_down, _paying(), (_BY_BETA, _BY_ALPHA)),
    Scenario("soft decline, then success", _first_declines, _paying(), (_BY_BETA,)),
    Scenario("hard decline", two, _paying("tok_declined"), (End(PaymentState.FAILURE),)),
    Scenario("unknown, resolved by look-up", two, _paying("tok_error_after_charge"), (_BY_ALPHA,)),
    Scenario("unknown, resolved by sending again", _without_look_up, _paying("tok_error_after_charge"), (_BY_ALPHA,)),
    Scenario("lost, not found, sent again", _first_request_lost, _paying(), (_BY_ALPHA,)),
)
