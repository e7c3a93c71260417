"""From reports and a strategy to a decision, and from the record of a decision to the same decision again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aegispay.domain.routing.eligibility import why_not_eligible
from aegispay.domain.routing.model import (
    Candidate,
    Facts,
    GatewaySnapshot,
    RoutingDecision,
    RoutingRequest,
    RoutingStrategy,
)
from aegispay.domain.routing.named import strategy_of
from aegispay.domain.routing.strategy import RankContext, Strategy

_LAST = -math.inf


def route(
    snapshots: Sequence[GatewaySnapshot],
    request: RoutingRequest,
    *,
    strategy: Strategy | RoutingStrategy,
    turn: int = 0,
    draw: int = 0,
) -> RoutingDecision:
    """Rank the gateways for one attempt.

    Args:
        snapshots: the latest report of every registered gateway, in order of registration, which breaks ties.
        request: the payment.
        strategy: how to rank.
        turn: how many decisions have been made before.
        draw: seed of the strategy's random draws, see `draws.draw_of`.
    """
    ranked = strategy if isinstance(strategy, Strategy) else strategy_of(strategy)
    dropped = {snapshot.name: why_not_eligible(snapshot, request) for snapshot in snapshots}
    eligible = [snapshot for snapshot in snapshots if dropped[snapshot.name] is None]
    facts = {snapshot.name: ranked.facts(snapshot, request) for snapshot in eligible}
    probe = next((snapshot.name for snapshot in eligible if snapshot.wants_probe), None)
    return _decide(ranked, RankContext(request, turn, draw), facts, dropped, probe)


def replay(
    decision: RoutingDecision, request: RoutingRequest, *, strategy: Strategy | RoutingStrategy
) -> RoutingDecision:
    """Decide again from nothing but the record; with the strategy of then, the result is equal to it."""
    ranked = strategy if isinstance(strategy, Strategy) else strategy_of(strategy)
    dropped = {candidate.gateway: candidate.dropped for candidate in decision.candidates}
    facts: dict[str, Facts] = {each.gateway: each.facts for each in decision.candidates if each.dropped is None}
    context = RankContext(request, decision.turn or 0, decision.draw or 0)
    return _decide(ranked, context, facts, dropped, decision.probe)


def _decide(
    strategy: Strategy,
    context: RankContext,
    facts: dict[str, Facts],
    dropped: dict[str, str | None],
    probe: str | None,
) -> RoutingDecision:
    request, ranking = context.request, strategy.rank(facts, context)
    scores = ranking.scores
    preferred = tuple(name for name in request.preferred if name in facts)
    places = {name: place for place, name in enumerate(preferred)}
    behind = len(preferred)

    def place(name: str) -> tuple[bool, int, float]:
        return name != probe, places.get(name, behind), -scores.get(name, _LAST)

    return RoutingDecision(
        strategy=strategy.kind,
        order=tuple(sorted(facts, key=place)),
        candidates=tuple(
            Candidate(gateway=name, score=scores.get(name), dropped=reason, facts=dict(facts.get(name, ())))
            for name, reason in dropped.items()
        ),
        turn=context.turn if ranking.uses_turn else None,
        probe=probe,
        draw=context.draw if ranking.uses_draw else None,
        why=ranking.why,
        preferred=preferred,
        preferred_by=request.preferred_by if preferred else "",
    )
