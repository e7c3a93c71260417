"""The outside world that moves money: providers that outlive every process of ours, and the lines to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from aegispay import GatewayContract, LookupAuthority, NotSentError, SimulatedGateway
from aegispay.ports import ChargeRequest, GatewayRequest, OperationRequest
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


class Line:
    """One process's connection to one provider: what was sent arrives, whoever hangs up or dies meanwhile."""

    def __init__(self, provider: SimulatedGateway, process: Process, chaos: random.Random, loss_rate: float) -> None:
        self.name = provider.name
        self.contract = provider.contract
        self._provider = provider
        self._process = process
        self._chaos = chaos
        self.loss_rate = loss_rate

    async def charge(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.charge, request)

    async def authorize(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.authorize, request)

    async def capture(self, request: OperationRequest) -> Any:
        return await self._send(self._provider.capture, request)

    async def void(self, request: OperationRequest) -> Any:
        return await self._send(self._provider.void, request)

    async def refund(self, request: OperationRequest) -> Any:
        return await self._send(self._provider.refund, request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.fetch_payment, request)

    async def fetch_operation(self, request: OperationRequest) -> Any:
        return await self._send(self._provider.fetch_operation, request)

    async def health_check(self) -> Any:
        self._process.check()
        return await self._provider.health_check()

    async def _send(self, method: Callable[..., Any], request: GatewayRequest) -> Any:
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
