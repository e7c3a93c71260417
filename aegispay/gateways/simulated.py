"""A provider inside the process: seeded, scripted by token, with its own ledger. For demos and tests."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from datetime import timedelta
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter

from aegispay.clock import SystemClock
from aegispay.domain.contract import GatewayContract
from aegispay.domain.outcome import (
    ActionKind,
    Approved,
    Declined,
    GatewayMisconfigured,
    NextAction,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Reason,
    RequiresAction,
)
from aegispay.errors import NotSentError
from aegispay.gateways.ledger import Ledger, LedgerEntry, MemoryLedger
from aegispay.gateways.script import DECLINES, FAULTS, RANDOM_DECLINE, REQUIRES_ACTION_TOKEN, Fault, script_word
from aegispay.ports import ChargeRequest, Clock, GatewayHealth, NotFound

_ANSWER: TypeAdapter[Approved | Declined] = TypeAdapter(Approved | Declined)
_NEVER_S = 86_400.0
"""How long a hanging provider takes: longer than anybody waits."""
_CHALLENGE_VALIDITY = timedelta(minutes=15)


class _Draw:
    """The randomness of one call: seeded by what the call is about, so that the order of calls does not matter."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    @cached_property
    def source(self) -> random.Random:
        """Made when something is drawn: seeding costs more than all the rest of a call."""
        return random.Random(self._seed)  # noqa: S311 - a simulation


class SimulatedGateway:
    """A provider that lives in the process and behaves as told.

    The same seed, script and request give the same answer, in whatever order requests arrive, so a run can be
    repeated. A request seen before under the same key gets the stored answer and never a second charge.

    Args:
        name: unique among the engine's gateways.
        seed: what the success rate and latencies are drawn from.
        success_rate: share of unscripted payments that are approved; the rest is declined.
        latency_s: seconds per call, one number or (shortest, longest).
        contract: what to declare; everything by default.
        ledger: where the provider keeps its books; in memory by default.
        down_after_calls: calls served before every further connection is refused; ``None`` for always up.
        clock: where the deadline of a challenge is counted from.

    Attributes:
        success_rate, latency_s, down_after_calls: as above; they may be changed at any time.
        is_up: set it to ``False`` and connections are refused until it is ``True`` again.
        calls: how many calls have been made, refused ones included.

    Raises:
        ValueError: `success_rate` is no share, or `latency_s` no duration.
    """

    def __init__(
        self,
        name: str,
        *,
        seed: int = 0,
        success_rate: float = 1.0,
        latency_s: float | tuple[float, float] = 0.0,
        contract: GatewayContract | None = None,
        ledger: Ledger | None = None,
        down_after_calls: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not 0.0 <= success_rate <= 1.0:
            raise ValueError(f"success_rate is {success_rate}: use a share between 0.0 and 1.0")
        self._name = name
        self._contract = contract if contract is not None else GatewayContract()
        self._seed = seed
        self.success_rate = success_rate
        self.latency_s = latency_s
        self.ledger: Ledger = ledger if ledger is not None else MemoryLedger()
        self.down_after_calls = down_after_calls
        self.is_up = True
        self.calls = 0
        self._clock = clock if clock is not None else SystemClock()

    def __repr__(self) -> str:
        """Show name and what it has done."""
        return f"<SimulatedGateway {self._name} calls={self.calls} {'up' if self._is_reachable() else 'down'}>"

    @property
    def name(self) -> str:
        """Unique name."""
        return self._name

    @property
    def contract(self) -> GatewayContract:
        """What this gateway declares."""
        return self._contract

    @property
    def latency_s(self) -> tuple[float, float]:
        """Shortest and longest seconds per call; may be set to one number."""
        return self._latency_s

    @latency_s.setter
    def latency_s(self, value: float | tuple[float, float]) -> None:
        shortest_s, longest_s = (value, value) if isinstance(value, int | float) else value
        if not 0.0 <= shortest_s <= longest_s < math.inf:
            raise ValueError(f"latency_s is {value}: use seconds, or (shortest, longest)")
        self._latency_s = (float(shortest_s), float(longest_s))

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Charge as the script, the success rate and earlier requests under the same key say."""
        draw = self._draw("charge", request)
        await self._travel(draw)
        known = self.ledger.find_key(self._name, request.idempotency_key)
        if known is not None:
            return self._replay(known, request)
        return await self._first_time(request, draw)

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        """Say what the ledger holds for the reference."""
        await self._travel(self._draw("fetch", request))
        known = self.ledger.find_reference(self._name, request.reference)
        return NotFound() if known is None else _ANSWER.validate_json(known.answer)

    async def health_check(self) -> GatewayHealth:
        """Say whether calls would get through."""
        return GatewayHealth(is_up=self._is_reachable())

    async def _first_time(self, request: ChargeRequest, draw: _Draw) -> Outcome:
        word = script_word(request.payment_method)
        if word == REQUIRES_ACTION_TOKEN:
            return self._challenge(request)
        fault = FAULTS.get(word)
        if fault is not None:
            return await self._misbehave(fault, request)
        declined = DECLINES.get(word)
        if declined is None and self.success_rate < 1.0 and draw.source.random() >= self.success_rate:
            declined = RANDOM_DECLINE
        return self._write(request, declined if declined is not None else self._approval(request))

    async def _misbehave(self, fault: Fault, request: ChargeRequest) -> Outcome:
        match fault:
            case Fault.REFUSE_CONNECTION:
                raise NotSentError(f"{self._name}: connection refused")
            case Fault.RATE_LIMIT:
                return NotProcessed(reason=Reason.RATE_LIMITED, code="429", retry_after_s=1.0)
            case Fault.BAD_CREDENTIALS:
                return GatewayMisconfigured(code="401", message="the API key was refused")
            case Fault.HANG_BEFORE_CHARGE:
                return await self._hang()
            case Fault.ERROR_BEFORE_CHARGE:
                return OutcomeUnknown(reason=Reason.GATEWAY_FAULT, code="500")
            case Fault.RAISE_BEFORE_CHARGE:
                raise RuntimeError("the adapter has a bug")
            case Fault.WRONG_AMOUNT:
                return self._write(request, self._approval(request, extra_minor=1))
            case _:
                self._write(request, self._approval(request))
                return await self._misbehave_after_charge(fault)

    async def _misbehave_after_charge(self, fault: Fault) -> Outcome:
        match fault:
            case Fault.HANG_AFTER_CHARGE:
                return await self._hang()
            case Fault.ERROR_AFTER_CHARGE:
                return OutcomeUnknown(reason=Reason.GATEWAY_FAULT, code="502")
            case Fault.RAISE_AFTER_CHARGE:
                raise ConnectionResetError("the connection was lost")
            case _:
                garbage: Any = {"status": "ok?"}
                return garbage  # type: ignore[no-any-return]  # what a broken adapter would do

    async def _hang(self) -> Outcome:
        await asyncio.sleep(_NEVER_S)  # noqa: TID251 - a slow provider is what is simulated
        return OutcomeUnknown(reason=Reason.TIMEOUT)

    async def _travel(self, draw: _Draw) -> None:
        is_reachable = self._is_reachable()
        self.calls += 1
        if not is_reachable:
            raise NotSentError(f"{self._name}: connection refused")
        shortest_s, longest_s = self.latency_s
        if longest_s > 0:
            await asyncio.sleep(draw.source.uniform(shortest_s, longest_s))  # noqa: TID251 - latency is what is simulated

    def _is_reachable(self) -> bool:
        return self.is_up and (self.down_after_calls is None or self.calls < self.down_after_calls)

    def _draw(self, purpose: str, request: ChargeRequest) -> _Draw:
        return _Draw(f"{self._seed}:{self._name}:{purpose}:{request.reference}")

    def _challenge(self, request: ChargeRequest) -> RequiresAction:
        action = NextAction(
            kind=ActionKind.REDIRECT,
            url=f"https://{self._name}.example/challenge/{request.reference}",
            expires_at=self._clock.now() + _CHALLENGE_VALIDITY,
        )
        return RequiresAction(reference=self._reference(request), action=action)

    def _reference(self, request: ChargeRequest) -> str:
        digest = hashlib.sha256(f"{self._name}:{request.idempotency_key}".encode()).hexdigest()
        return f"{self._name}_{digest[:16]}"

    def _approval(self, request: ChargeRequest, *, extra_minor: int = 0) -> Approved:
        return Approved(
            reference=self._reference(request),
            amount_minor=request.money.amount_minor + extra_minor,
            currency=request.money.currency,
        )

    def _write(self, request: ChargeRequest, answer: Approved | Declined) -> Outcome:
        self.ledger.add(
            LedgerEntry(
                gateway=self._name,
                reference=request.reference,
                idempotency_key=request.idempotency_key,
                digest=_digest(request),
                payment_id=request.payment_id,
                amount_minor=request.money.amount_minor,
                currency=request.money.currency,
                is_charged=isinstance(answer, Approved),
                answer=_ANSWER.dump_json(answer).decode(),
            )
        )
        return answer

    def _replay(self, known: LedgerEntry, request: ChargeRequest) -> Outcome:
        if known.digest != _digest(request):
            return OutcomeUnknown(
                reason=Reason.DUPLICATE_REFERENCE,
                code="idempotency_conflict",
                message="the key was used with another body",
            )
        return _ANSWER.validate_json(known.answer)


def _digest(request: ChargeRequest) -> str:
    body = f"{request.reference}|{request.payment_id}|{request.money}|{request.capture}"
    return hashlib.sha256(body.encode()).hexdigest()
