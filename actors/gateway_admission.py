"""Whether a call may be made now: the operator's switch, places, calls per second, the breaker."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors.calls import GatewayCall
from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.domain.breaker import BreakerScope
from aegispay.domain.contract import GatewayContract
from aegispay.domain.outcome import Reason
from aegispay.domain.resolution import Purpose
from aegispay.domain.throttle import Lane, give_back, places, refill, take, wait_s
from aegispay.ports import OperationRequest

_QUESTIONS_SHARE = 0.5
"""Of places and calls per second, for questions: after an outage thousands ask, and new payments must get through."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may be made.

    Attributes:
        breaker_since: for which state of its breaker the result counts; ``None`` when no breaker was asked.
    """

    breaker_since: float | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The call is not made.

    Attributes:
        retry_after_s: when another try makes sense, where that is known.
    """

    reason: Reason
    detail: str = ""
    retry_after_s: float | None = None


def scope_of(call: GatewayCall) -> BreakerScope | None:
    """Return which breaker guards the call; ``None`` for questions about an earlier send.

    Questions always pass and never count: somebody waits to know whether he was charged, and a gateway that repeats
    its first answer has not failed once more.
    """
    if call.purpose is not Purpose.SEND:
        return None
    return BreakerScope(call.request.kind.value) if isinstance(call.request, OperationRequest) else BreakerScope.CHARGE


def limit_max(memory: GatewayMemory, contract: GatewayContract) -> int:
    """Return how many calls may be in flight at best."""
    return min(contract.concurrency_max, memory.policies.limits.concurrency_max or contract.concurrency_max)


def limit_of(memory: GatewayMemory, contract: GatewayContract) -> int:
    """Return how many calls may be in flight now."""
    limit = limit_max(memory, contract)
    is_adaptive = memory.policies.limits.adaptive is not None
    return max(1, min(limit, int(memory.adaptive.limit))) if is_adaptive else limit


def admit(
    memory: GatewayMemory,
    contract: GatewayContract,
    call: GatewayCall,
    *,
    now: float,
    in_flight: int,
    questions: int,
) -> Admitted | Refusal:
    """Let a call pass and count it, or say why not; a refused call takes no token and no probe's place.

    Args:
        memory: what is known of the gateway; tokens and probes are taken from it.
        contract: the upper bound of calls in flight.
        call: which one.
        now: monotonic seconds.
        in_flight: calls running now.
        questions: how many of them ask about an earlier call.
    """
    scope, policies = scope_of(call), memory.policies
    lane = _lane(scope)
    if lane is Lane.CHARGE and not memory.is_enabled:
        return Refusal(Reason.GATEWAY_DISABLED, memory.disabled_because)
    limit = limit_of(memory, contract)
    is_share_taken = lane is Lane.QUESTION and questions >= max(1, int(_QUESTIONS_SHARE * limit))
    if is_share_taken or in_flight >= places(limit, policies.limits, lane):
        return Refusal(Reason.BULKHEAD_FULL)
    pause_s = _pause_s(memory, now) if lane is Lane.QUESTION else 0.0
    if pause_s > 0.0:
        return Refusal(Reason.RATE_LIMITED, retry_after_s=pause_s)
    memory.bucket, is_left = take(memory.bucket, policies.limits, now, lane)
    if not is_left:
        return Refusal(Reason.RATE_LIMITED, retry_after_s=wait_s(memory.bucket, policies.limits, lane))
    if scope is None:
        memory.asked_at = now
        return Admitted(None)
    since = memory.breakers.admit(scope, call.operation_id, policies.breaker)
    if since is None:
        memory.bucket = give_back(memory.bucket)
        return _held(memory, scope, now)
    return Admitted(since)


def _pause_s(memory: GatewayMemory, now: float) -> float:
    """Return how long the next question has to wait so that charges get their share of the calls per second."""
    limits = memory.policies.limits
    if limits.rate_per_s is None or refill(memory.bucket, limits, now).tokens > _QUESTIONS_SHARE * limits.capacity:
        return 0.0
    return memory.asked_at + 1 / (_QUESTIONS_SHARE * limits.rate_per_s) - now


def _lane(scope: BreakerScope | None) -> Lane:
    match scope:
        case None:
            return Lane.QUESTION
        case BreakerScope.CHARGE:
            return Lane.CHARGE
        case _:
            return Lane.OPERATION


def _held(memory: GatewayMemory, scope: BreakerScope, now: float) -> Refusal:
    breaker = memory.breakers[scope]
    if scope is BreakerScope.CHARGE:
        # A charge goes elsewhere; an operation cannot, and wants to know when to come again.
        return Refusal(Reason.BREAKER_OPEN, breaker.forced_because)
    left_s = breaker.since + memory.policies.breaker.open_s - now if breaker.is_open_by_itself else 0.0
    return Refusal(Reason.BREAKER_OPEN, breaker.forced_because, max(0.0, left_s))
