"""The outside world that moves money: providers that outlive every process of ours, and the lines to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aegispay import (
    CaptureSupport,
    ChargeRequest,
    Clock,
    Declined,
    DeclineKind,
    GatewayContract,
    LookupAuthority,
    NotSentError,
    OperationRequest,
    Reason,
    SimulatedGateway,
)
from aegispay.gateways.script import Fault
from aegispay.ports import GatewayRequest
from tests.simulation.process import Process
from tests.simulation.trouble import Trouble

TIMEOUT_S = 5.0
WINDOW_S = 60.0
VISIBILITY_S = 10.0
VALIDITY_S = 90.0

CONTRACTS = {
    "keys_and_look_up": GatewayContract(idempotency_window_s=WINDOW_S, partial_authorization=True, timeout_s=TIMEOUT_S),
    "keys_only": GatewayContract(
        idempotency_window_s=WINDOW_S,
        lookup=LookupAuthority.NONE,
        capture=CaptureSupport.PARTIAL,
        authorization_validity_s=VALIDITY_S,
        timeout_s=TIMEOUT_S,
    ),
    "slow_books": GatewayContract(idempotency_window_s=None, visibility_delay_s=VISIBILITY_S, timeout_s=TIMEOUT_S),
    "hearsay": GatewayContract(
        idempotency_window_s=None,
        lookup=LookupAuthority.ADVISORY,
        capture=CaptureSupport.FULL,
        authorization_validity_s=VALIDITY_S,
        timeout_s=TIMEOUT_S,
    ),
    "mute": GatewayContract(
        idempotency_window_s=None,
        lookup=LookupAuthority.NONE,
        capture=CaptureSupport.PARTIAL,
        void=False,
        timeout_s=TIMEOUT_S,
    ),
    "charges_only": GatewayContract(
        idempotency_window_s=WINDOW_S, capture=CaptureSupport.NONE, void=False, refund=False, timeout_s=TIMEOUT_S
    ),
}
"""One provider of each kind of contract; the gateway's name is the kind."""

_ODDITIES: tuple[Fault | Declined, ...] = (*Fault, Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR))


@dataclass(frozen=True)
class OnTheWire:
    """One request that left for a provider and may move money."""

    at_s: float
    gateway: str
    request: GatewayRequest


class Line:
    """One process's connection to one provider: what was sent arrives, whoever hangs up or dies meanwhile.

    Args:
        wire: where everything is noted that leaves and may move money.
    """

    def __init__(
        self, provider: SimulatedGateway, process: Process, trouble: Trouble, clock: Clock, wire: list[OnTheWire]
    ) -> None:
        self.name = provider.name
        self.contract = provider.contract
        self._provider = provider
        self._process = process
        self._trouble = trouble
        self._clock = clock
        self._wire = wire

    async def charge(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.charge, request)

    async def authorize(self, request: ChargeRequest) -> Any:
        return await self._send(self._provider.authorize, request)

    async def capture(self, request: OperationRequest) -> Any:
        return await self._operate(self._provider.capture, request)

    async def void(self, request: OperationRequest) -> Any:
        return await self._operate(self._provider.void, request)

    async def refund(self, request: OperationRequest) -> Any:
        return await self._operate(self._provider.refund, request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        return await self._call(self._provider.fetch_payment, request)

    async def fetch_operation(self, request: OperationRequest) -> Any:
        return await self._call(self._provider.fetch_operation, request)

    async def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Any:
        self._process.check()
        return await self._provider.parse_webhook(headers, body)

    async def health_check(self) -> Any:
        self._process.check()
        return await self._provider.health_check()

    async def _operate(self, method: Callable[..., Any], request: OperationRequest) -> Any:
        if self._trouble.draw.random() < self._trouble.fault:
            oddity = self._trouble.draw.choice(_ODDITIES)
            self._provider.script(request.kind.value, oddity, payment_id=request.payment_id)
        return await self._send(method, request)

    async def _send(self, method: Callable[..., Any], request: GatewayRequest) -> Any:
        return await self._call(method, request, leaves=self._note)

    def _note(self, request: GatewayRequest) -> None:
        self._wire.append(OnTheWire(self._clock.monotonic(), self.name, request))

    async def _call(
        self, method: Callable[..., Any], request: Any, leaves: Callable[[GatewayRequest], None] | None = None
    ) -> Any:
        self._process.reach("before a send")
        if self._is_lost():
            raise NotSentError("the name was not resolved")
        if leaves is not None:
            leaves(request)
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
        return self._trouble.draw.random() < self._trouble.loss
