"""How a gateway is doing: the numbers for people, and the report for the router."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors.gateway_admission import limit_of
from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.domain.breaker import Breaker, BreakerScope, BreakerState, has_place
from aegispay.domain.health import health_score
from aegispay.domain.outcome import Reason
from aegispay.domain.routing import GatewaySnapshot
from aegispay.domain.throttle import refill
from aegispay.ports import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMetrics:
    """One breaker of a gateway.

    Attributes:
        operation: which first sends it guards.
        age_s: how long it has been in its state.
        forced_because: what the operator said who holds it in its state; empty when nobody does.
        openings: how often it has opened since the start.
    """

    operation: BreakerScope
    state: BreakerState
    age_s: float
    forced_because: str
    openings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMetrics:
    """How one gateway is doing.

    Attributes:
        disabled_because: what the operator said when switching it off; empty while enabled.
        success_rate: share of recent calls without a gateway fault; declines are not faults. ``None`` without calls.
        health: 0.0 to 1.0.
        breaker: state of the breaker of charges.
        breaker_age_s: how long it has been in its state.
        breakers: all of them: charge, capture, void, refund.
        approval_rate: share of answered charges that were approved, each counting less the older it is; ``None``
            without any. approvals, declines: what it is made of.
        is_up: what the last health check said; ``None`` before the first.
        check_message: what the gateway said then, or why there was no answer.
        check_age_s: how long ago; ``None`` before the first.
        in_flight: calls running now.
        concurrency_limit: calls that may run at once now; charges may have a little less.
        tokens: calls that may be made at once now; ``None`` without a rate limit.
        refused: calls not made since the start, and why: see `refused_by_reason`.
    """

    name: str
    is_enabled: bool
    disabled_because: str
    breaker: BreakerState
    breaker_age_s: float
    breakers: tuple[BreakerMetrics, ...]
    health: float
    success_rate: float | None
    calls: int
    faults: int
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_p99_s: float | None
    approval_rate: float | None
    approvals: float
    declines: float
    is_up: bool | None
    check_message: str
    check_age_s: float | None
    in_flight: int
    concurrency_limit: int
    tokens: float | None
    refused: int
    refused_by_reason: dict[Reason, int]


def metrics_of(gateway: Gateway, memory: GatewayMemory, *, now: float, in_flight: int) -> GatewayMetrics:
    """Return the numbers for people.

    Args:
        gateway: which one.
        memory: what is known of it.
        now: monotonic seconds.
        in_flight: calls running now.
    """
    summary, liveness = memory.health.summary(now), memory.liveness
    charges = memory.breakers[BreakerScope.CHARGE]
    approvals, declines = memory.approvals.approvals(now), memory.approvals.declines(now)
    limits = memory.policies.limits
    return GatewayMetrics(
        name=gateway.name,
        is_enabled=memory.is_enabled,
        disabled_because=memory.disabled_because,
        breaker=charges.state,
        breaker_age_s=max(0.0, now - charges.since),
        breakers=tuple(_breaker(memory, scope, breaker, now) for scope, breaker in memory.breakers),
        health=_score(memory, now),
        success_rate=summary.success_rate,
        calls=summary.calls,
        faults=summary.faults,
        latency_p50_s=summary.latency_p50_s,
        latency_p95_s=summary.latency_p95_s,
        latency_p99_s=summary.latency_p99_s,
        approval_rate=approvals / (approvals + declines) if approvals + declines > 0 else None,
        approvals=approvals,
        declines=declines,
        is_up=liveness.is_up,
        check_message=liveness.message,
        check_age_s=None if liveness.answered_at is None else max(0.0, now - liveness.answered_at),
        in_flight=in_flight,
        concurrency_limit=limit_of(memory, gateway.contract),
        tokens=None if limits.rate_per_s is None else refill(memory.bucket, limits, now).tokens,
        refused=memory.refused.total(),
        refused_by_reason=dict(memory.refused),
    )


def snapshot_of(gateway: Gateway, memory: GatewayMemory, now: float) -> GatewaySnapshot:
    """Return the report for the router."""
    summary = memory.health.summary(now)
    return GatewaySnapshot(
        name=gateway.name,
        contract=gateway.contract,
        is_enabled=memory.is_enabled,
        breaker=shown_breaker(memory),
        success_rate=summary.success_rate,
        latency_p50_s=summary.latency_p50_s,
        health=_score(memory, now),
        samples=summary.calls,
        wants_probe=memory.is_ready_for_probe,
        approvals=memory.approvals.approvals(now),
        declines=memory.approvals.declines(now),
    )


def shown_breaker(memory: GatewayMemory) -> BreakerState:
    """Return what the router has to know of the charges' breaker.

    Half open with every probe's place taken is as good as open: a payment sent there would only lose an attempt.
    """
    breaker = memory.breakers[BreakerScope.CHARGE]
    if breaker.state is BreakerState.HALF_OPEN and not has_place(breaker, memory.policies.breaker):
        return BreakerState.OPEN
    return breaker.state


def _breaker(memory: GatewayMemory, scope: BreakerScope, breaker: Breaker, now: float) -> BreakerMetrics:
    return BreakerMetrics(
        operation=scope,
        state=breaker.state,
        age_s=max(0.0, now - breaker.since),
        forced_because=breaker.forced_because,
        openings=memory.breakers.openings[scope],
    )


def _score(memory: GatewayMemory, now: float) -> float:
    state = memory.breakers[BreakerScope.CHARGE].state
    summary, policies = memory.health.summary(now), memory.policies
    return health_score(summary, state, policies.weights, is_down=memory.liveness.is_down)
