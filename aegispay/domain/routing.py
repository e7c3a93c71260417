"""Which gateway next: an eligibility filter nobody can bypass, then a strategy, then the reasons on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.payment_method import PaymentMethodType


class RoutingStrategy(StrEnum):
    """How eligible gateways are ranked."""

    HIGHEST_SUCCESS_RATE = "highest_success_rate"
    LOWEST_LATENCY = "lowest_latency"
    COST_OPTIMISED = "cost_optimised"
    ROUND_ROBIN = "round_robin"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySnapshot:
    """What a gateway actor last reported.

    Attributes:
        success_rate: share of recent calls that were no fault of the gateway, 0.0 to 1.0; ``None`` without samples.
        latency_p50_s: median of recent answers; ``None`` without samples.
        health: 0.0 (useless) to 1.0.
        wants_probe: it may be back after an outage, and only a payment can tell; it is tried first, once.
    """

    name: str
    contract: GatewayContract
    is_enabled: bool = True
    breaker: BreakerState = BreakerState.CLOSED
    success_rate: float | None = None
    latency_p50_s: float | None = None
    health: float = 1.0
    samples: int = 0
    wants_probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRequest:
    """What routing needs to know of a payment.

    Attributes:
        forced: the only gateway the merchant allows, if any.
        excluded: gateways already tried for this payment.
        needs_authorization: whether the money is captured later, which not every gateway can.
    """

    amount_minor: int
    currency: str
    method: PaymentMethodType
    forced: str | None = None
    excluded: frozenset[str] = frozenset()
    needs_authorization: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One gateway that was considered.

    Attributes:
        score: the strategy's number, larger is better; ``None`` when dropped.
        dropped: why it was not eligible; ``None`` when it was.
    """

    gateway: str
    score: float | None = None
    dropped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecision:
    """The order in which gateways may be tried, and why; stored with the attempt.

    Attributes:
        order: eligible gateways, best first.
        turn: the round-robin counter used, so that replaying the record gives the same order.
        probe: the gateway that comes first to find out whether it is back, whatever it scored.
    """

    strategy: RoutingStrategy
    order: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    turn: int | None = None
    probe: str | None = None

    def explain(self) -> str:
        """Say in words why the first gateway was chosen and what became of the others."""
        parts = [self._explain_candidate(candidate) for candidate in self.candidates]
        head = self._explain_head()
        return f"{head}: {'; '.join(parts)}" if parts else head

    def _explain_head(self) -> str:
        if not self.order:
            return "no eligible gateway"
        if self.probe is not None:
            return f"{self.probe} as a probe after its outage"
        return f"{self.order[0]} by {self.strategy.replace('_', ' ')}"

    @staticmethod
    def _explain_candidate(candidate: Candidate) -> str:
        if candidate.dropped is not None:
            return f"{candidate.gateway} dropped ({candidate.dropped})"
        return f"{candidate.gateway} scored {candidate.score:.4g}"


def why_not_eligible(snapshot: GatewaySnapshot, request: RoutingRequest) -> str | None:
    """Return why the gateway may not take this payment now, or ``None`` when it may."""
    contract = snapshot.contract
    if request.forced is not None and snapshot.name != request.forced:
        return f"the request asks for {request.forced}"
    if snapshot.name in request.excluded:
        return "already tried"
    if not snapshot.is_enabled:
        return "disabled by an operator"
    if request.method not in contract.methods:
        return f"does not take {request.method}"
    if contract.currencies is not None and request.currency not in contract.currencies:
        return f"does not take {request.currency}"
    if request.needs_authorization and contract.capture is CaptureSupport.NONE:
        return "does not authorize without capturing"
    if snapshot.breaker is BreakerState.OPEN:
        return "breaker open"
    return None


Scorer = Callable[[GatewaySnapshot, RoutingRequest], float]

_PRIOR_SUCCESS_RATE = 0.9
"""A gateway without samples ranks below one that is proven good and above one that is proven bad."""
_PRIOR_CALLS = 10
"""How many calls that assumption weighs: one lucky or unlucky call proves nothing yet."""
_PROBATION = 0.5
"""While half open only a few probes pass, so a gateway ranks behind those that are closed and not much worse."""
_UNPROVEN_LATENCY_S = 1.0
"""The same for latency: slower than a good gateway, faster than a bad one."""
_UNPRICED = -1e15
"""Below the cost of any payment; finite, because the decision is stored as JSON."""


def _by_success_rate(snapshot: GatewaySnapshot, _request: RoutingRequest) -> float:
    rate = _proven_rate(snapshot)
    return rate * _PROBATION if snapshot.breaker is BreakerState.HALF_OPEN else rate


def _proven_rate(snapshot: GatewaySnapshot) -> float:
    if snapshot.success_rate is None:
        return _PRIOR_SUCCESS_RATE
    successes = snapshot.success_rate * snapshot.samples + _PRIOR_SUCCESS_RATE * _PRIOR_CALLS
    return successes / (snapshot.samples + _PRIOR_CALLS)


def _by_latency(snapshot: GatewaySnapshot, _request: RoutingRequest) -> float:
    latency_s = _UNPROVEN_LATENCY_S if snapshot.latency_p50_s is None else snapshot.latency_p50_s
    # Failing fast is not being fast: what counts is the time until an answer of use.
    return -latency_s / max(_proven_rate(snapshot), 0.01)


def _by_cost(snapshot: GatewaySnapshot, request: RoutingRequest) -> float:
    fee = snapshot.contract.fee(request.currency, request.method)
    # A gateway without a price is not free: it ranks behind every price that is known.
    return _UNPRICED if fee is None else -fee.cost_minor(request.amount_minor)


_SCORERS: Mapping[RoutingStrategy, Scorer] = {
    RoutingStrategy.HIGHEST_SUCCESS_RATE: _by_success_rate,
    RoutingStrategy.LOWEST_LATENCY: _by_latency,
    RoutingStrategy.COST_OPTIMISED: _by_cost,
}


def route(
    snapshots: Sequence[GatewaySnapshot], request: RoutingRequest, *, strategy: RoutingStrategy, turn: int = 0
) -> RoutingDecision:
    """Rank the gateways for one attempt.

    Args:
        snapshots: the latest report of every registered gateway, in order of registration, which breaks ties.
        request: the payment.
        strategy: how to rank.
        turn: how many decisions round robin has made before; other strategies ignore it.
    """
    dropped = {snapshot.name: why_not_eligible(snapshot, request) for snapshot in snapshots}
    eligible = [snapshot for snapshot in snapshots if dropped[snapshot.name] is None]
    scores = _scores(eligible, request, strategy, turn)
    probe = next((snapshot.name for snapshot in eligible if snapshot.wants_probe), None)
    order = sorted(scores, key=lambda name: (name != probe, -scores[name]))
    candidates = tuple(
        Candidate(gateway=name, score=scores.get(name), dropped=reason) for name, reason in dropped.items()
    )
    return RoutingDecision(
        strategy=strategy,
        order=tuple(order),
        candidates=candidates,
        turn=turn if strategy is RoutingStrategy.ROUND_ROBIN else None,
        probe=probe,
    )


def _scores(
    eligible: Sequence[GatewaySnapshot], request: RoutingRequest, strategy: RoutingStrategy, turn: int
) -> dict[str, float]:
    if strategy is RoutingStrategy.ROUND_ROBIN:
        count = len(eligible)
        return {s.name: float(count - (index - turn) % count) for index, s in enumerate(eligible)}
    scorer = _SCORERS[strategy]
    return {snapshot.name: scorer(snapshot, request) for snapshot in eligible}
