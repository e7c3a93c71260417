"""From reports and a strategy to a decision, and from the record of a decision to the same decision again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite

from aegispay.domain.breaker import BreakerState
from aegispay.domain.routing.decision import Candidate, RoutingDecision
from aegispay.domain.routing.eligibility import why_not_eligible
from aegispay.domain.routing.model import HALF_OPEN, Facts, GatewaySnapshot, RoutingRequest, RoutingStrategy
from aegispay.domain.routing.named import strategy_of
from aegispay.domain.routing.strategy import RankContext, Strategy

_NO_SCORE = -inf
"""Such gateways come last, in order of registration."""


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
    dropped: dict[str, str | None] = {}
    facts: dict[str, Facts] = {}
    probe = None
    for snapshot in snapshots:
        name = snapshot.name
        dropped[name] = why_not_eligible(snapshot, request)
        if dropped[name] is not None:
            continue
        facts[name] = ranked.facts(snapshot, request)
        if snapshot.breaker is BreakerState.HALF_OPEN:
            facts[name] = facts[name] | {HALF_OPEN: 1.0}
        if probe is None and snapshot.wants_probe:
            probe = name
    return _decide(ranked, RankContext(request, turn, draw), facts, dropped, probe)


def replay(
    decision: RoutingDecision, request: RoutingRequest, *, strategy: Strategy | RoutingStrategy
) -> RoutingDecision:
    """Decide again from nothing but the record; with the strategy of then, the result is equal to it."""
    ranked = strategy if isinstance(strategy, Strategy) else strategy_of(strategy)
    dropped = {each.gateway: each.dropped for each in decision.candidates}
    facts = {each.gateway: each.facts for each in decision.candidates if each.dropped is None}
    asked = replace(request, preferred=decision.preferred, preferred_by=decision.preferred_by)
    context = RankContext(asked, decision.turn or 0, decision.draw or 0)
    return _decide(ranked, context, facts, dropped, decision.probe)


def _decide(
    strategy: Strategy,
    context: RankContext,
    facts: Mapping[str, Facts],
    dropped: Mapping[str, str | None],
    probe: str | None,
) -> RoutingDecision:
    request, ranking = context.request, strategy.rank(facts, context)
    # Whatever a strategy answers: only eligible gateways are ordered, and only by numbers that can be ordered.
    scores = {name: score for name in facts if (score := ranking.scores.get(name)) is not None and isfinite(score)}
    preferred = tuple(name for name in request.preferred if name in facts)
    return RoutingDecision(
        strategy=strategy.kind,
        order=_order(facts, scores, probe=probe, preferred=preferred, first=ranking.first),
        candidates=tuple(
            Candidate(
                gateway=name,
                score=scores.get(name),
                dropped=reason,
                facts=facts.get(name, {}),
                parts=ranking.parts.get(name, {}) if reason is None else {},
            )
            for name, reason in dropped.items()
        ),
        turn=context.turn if ranking.uses_turn else None,
        probe=probe,
        draw=context.draw if ranking.uses_draw else None,
        why=ranking.why,
        preferred=preferred,
        preferred_by=request.preferred_by if preferred else "",
    )


def _order(
    facts: Mapping[str, Facts],
    scores: Mapping[str, float],
    *,
    probe: str | None,
    preferred: tuple[str, ...],
    first: tuple[str, ...],
) -> tuple[str, ...]:
    """Return the probe, what a hook prefers, then the closed before the half open, and among those what is first."""
    order = sorted(facts, key=lambda name: scores.get(name, _NO_SCORE), reverse=True)
    if first:
        _put_ahead(first, order)
    if any(HALF_OPEN in known for known in facts.values()):
        order.sort(key=lambda name: HALF_OPEN in facts[name])
    if preferred:
        _put_ahead(preferred, order)
    if probe is not None:
        _put_ahead((probe,), order)
    return tuple(order)


def _put_ahead(names: Sequence[str], order: list[str]) -> None:
    places = {name: place for place, name in enumerate(names)}
    order.sort(key=lambda name: places.get(name, len(places)))
