"""The outside world that moves money: providers that outlive every process of ours, and the lines to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from aegispay import GatewayContract, LookupAuthority, NotFound, NotSentError, Outcome, SimulatedGateway
from aegispay.gateways.ledger import LedgerEntry, MemoryLedger
from aegispay.ports import ChargeRequest, Clock
from tests.simulation.process import Process

TIMEOUT_S = 5.0
WINDOW_S = 60.0
VISIBILITY_S = 10.0

CONTRACTS = {
    "keys_and_look_up": GatewayContract(idempotency_window_s=WINDOW_S, timeout_s=TIMEOUT_S),
    "keys_only": GatewayContract(idempotency_window_s=WINDOW_S, lookup=LookupAuthority.NONE, timeout_s=TIMEOUT_S),
    "slow_books": GatewayContract(idempotency_window_s=None, visibility_delay_s=VISIBILITY_S, timeout_s=TIMEOUT_S),
    "hearsay": GatewayContract(idempotency_window_s=None, lookup=LookupAuthority.ADVISORY, timeout_s=TIMEOUT_S),
}
"""One provider of each kind of contract; the gateway's name is the kind."""


class TimedLedger(MemoryLedger):
    """Books that also know when each entry was made."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._made_at: dict[str, float] = {}

    def add(self, entry: LedgerEntry) -> None:
        self._made_at.setdefault(entry.reference, self._clock.monotonic())
        super().add(entry)

    def age_s(self, entry: LedgerEntry) -> float:
        return self._clock.monotonic() - self._made_at[entry.reference]


class Provider(SimulatedGateway):
    """Does no more for its callers than its contract says: forgets keys in time, shows charges late."""

    ledger: TimedLedger

    async def charge(self, request: ChargeRequest) -> Outcome:
        draw = self._draw("charge", request)
        await self._travel(draw)
        known = self.ledger.find_key(self.name, request.idempotency_key)
        window_s = self.contract.idempotency_window_s
        if known is not None and window_s is not None and self.ledger.age_s(known) < window_s:
            return self._replay(known, request)
        return await self._first_time(request, draw)

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        answer = await super().fetch_payment(request)
        known = self.ledger.find_reference(self.name, request.reference)
        if known is None or self.ledger.age_s(known) < self.contract.visibility_delay_s:
            return NotFound()
        return answer


class Line:
    """One process's connection to one provider: what was sent arrives, whoever hangs up or dies meanwhile."""

    def __init__(self, provider: Provider, process: Process, chaos: random.Random, loss_rate: float) -> None:
        self.name = provider.name
        self.contract = provider.contract
        self._provider = provider
        self._process = process
        self._chaos = chaos
        self.loss_rate = loss_rate

    async def charge(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.charge, request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.fetch_payment, request)

    async def health_check(self) -> Any:
        self._process.check()
        return await self._provider.health_check()

    async def _send(self, method: Callable[..., Any], request: ChargeRequest) -> Any:
        self._process.reach("before a send")
        if self._is_lost():
            raise NotSentError("the name was not resolved")
        if self._is_lost():
            raise ConnectionResetError("on the way there")
        sent = self._process.outside.start(method(request))
        self._process.reach("after a send")
        answer = await asyncio.shield(sent)
        self._process.check()
        if self._is_lost():
            raise ConnectionResetError("on the way back")
        return answer

    def _is_lost(self) -> bool:
        return self._chaos.random() < self.loss_rate
