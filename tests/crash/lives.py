"""One payment, the providers, and the processes that come and go, with something happening at chosen places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aegispay import AegisPayConfig, MemoryStore, Payment, StoreError, StoreUnavailableError
from aegispay.gateways.ledger import MemoryLedger
from aegispay.ports import ChargeRequest, GatewayRequest, OperationRequest
from aegispay.testing import running_clock
from tests.crash.points import CrashError, Places, Poison
from tests.crash.scenarios import Scenario
from tests.simulation.process import DeadError, Outside, Process

NOT_WRITTEN = (DeadError, StoreUnavailableError)
NOT_ACKNOWLEDGED = (DeadError, StoreError, CrashError)
_ASKED_MAX = 8


class Strike(Protocol):
    """What happens at a chosen place."""

    is_felt_by_messages: bool

    def __call__(self, lives: Lives, place: str) -> None: ...


class ActorCrashes:
    """The payment's actor crashes: over a message, over a commit, or of poison while something else goes on."""

    is_felt_by_messages = True

    def __call__(self, lives: Lives, place: str) -> None:
        if not place.startswith(CALL):
            raise CrashError(place)
        assert lives.process is not None
        assert lives.process.aegis is not None
        for payment_id in lives.process.aegis._assembly.directory:
            lives.process.aegis.payment_ref(payment_id).tell(Poison())


class ProcessDies:
    """The process is killed: what it has sent arrives, what it was about to do does not happen."""

    is_felt_by_messages = False

    def __call__(self, lives: Lives, place: str) -> None:
        assert lives.process is not None
        lives.process.die()
        raise DeadError(place)


class StoreFails:
    """The disk fails for one commit: before it, or after it has been written."""

    is_felt_by_messages = False

    def __call__(self, lives: Lives, place: str) -> None:
        if place.endswith("_commit"):
            raise OSError(place)


CALL = "a call: "
"""How the names of places begin that are passed on the way to a gateway and back."""


class _Line:
    """Passes a place before a request leaves, when it has left, and when its answer is back."""

    def __init__(self, behind: Any, process: Process, wire: list[GatewayRequest]) -> None:
        self.name = behind.name
        self.contract = behind.contract
        self._behind = behind
        self._process = process
        self._wire = wire

    async def charge(self, request: ChargeRequest) -> Any:
        return await self._call("charge", self._behind.charge, request)

    async def authorize(self, request: ChargeRequest) -> Any:
        return await self._call("authorization", self._behind.authorize, request)

    async def capture(self, request: OperationRequest) -> Any:
        return await self._call("capture", self._behind.capture, request)

    async def void(self, request: OperationRequest) -> Any:
        return await self._call("void", self._behind.void, request)

    async def refund(self, request: OperationRequest) -> Any:
        return await self._call("refund", self._behind.refund, request)

    async def fetch_payment(self, request: ChargeRequest) -> Any:
        return await self._call("look-up", self._behind.fetch_payment, request)

    async def fetch_operation(self, request: OperationRequest) -> Any:
        return await self._call("look-up of an operation", self._behind.fetch_operation, request)

    async def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Any:
        return await self._behind.parse_webhook(headers, body)

    async def health_check(self) -> Any:
        return await self._behind.health_check()

    async def _call(self, what: str, call: Callable[..., Any], request: GatewayRequest) -> Any:
        self._process.reach(f"{CALL}before {what} at {self.name}")
        if not what.startswith("look-up"):
            self._wire.append(request)
        under_way = self._process.outside.start(call(request))
        self._process.reach(f"{CALL}{what} has left for {self.name}")
        answer = await asyncio.shield(under_way)
        self._process.reach(f"{CALL}after {what} at {self.name}")
        return answer


class Lives:
    """Everything that stays when a process dies.

    Attributes:
        gateways: the providers themselves. wire: everything sent to them that may move money.
        answers: what callers were told.
    """

    def __init__(self, scenario: Scenario, places: Places, strike: Strike) -> None:
        self.clock = running_clock()
        self.ledger = MemoryLedger()
        self.disk = MemoryStore(clock=self.clock)
        self.outside = Outside()
        self.gateways = scenario.gateways(self.ledger, self.clock)
        self.places = places
        self.process: Process | None = None
        self.wire: list[GatewayRequest] = []
        self.answers: list[Payment] = []
        self._opening = asyncio.Lock()
        places.strike = lambda place: strike(self, place)

    async def living(self) -> Process:
        """Return the process that lives, a new one if the last has died."""
        async with self._opening:
            while self.process is None or self.process.is_dead:
                self.process = Process(self.disk, self.outside, lambda _process, place: self.places.reach(place))
                lines = [_Line(each, self.process, self.wire) for each in self.gateways]
                try:
                    await self.process.open(lines, self.clock, AegisPayConfig(), seed=len(self.wire))
                except StoreError:
                    self.process.die()
            return self.process

    async def ask(self, what: Callable[[Any], Any], *, again: tuple[type[Exception], ...] = NOT_WRITTEN) -> Any:
        """Ask as a caller does whose process died, or who is told that surely nothing was written."""
        for _ in range(_ASKED_MAX):
            process = await self.living()
            try:
                return await process.call(what)
            except again:
                continue
        raise AssertionError("nobody could answer")

    async def end(self) -> None:
        process = await self.living()
        assert process.aegis is not None
        await process.aegis.close()
        await self.outside.end()
