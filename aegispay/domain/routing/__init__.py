"""Which gateway next: an eligibility filter nobody can bypass, then a strategy, then the reasons on record."""

from __future__ import annotations

from aegispay.domain.routing.draws import draw_of
from aegispay.domain.routing.eligibility import why_not_eligible
from aegispay.domain.routing.model import (
    Candidate,
    Facts,
    GatewaySnapshot,
    RoutingDecision,
    RoutingRequest,
    RoutingStrategy,
)
from aegispay.domain.routing.named import AnyStrategy, strategy_of
from aegispay.domain.routing.route import replay, route
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy

__all__ = [
    "AnyStrategy",
    "Candidate",
    "Facts",
    "GatewaySnapshot",
    "RankContext",
    "Ranking",
    "RoutingDecision",
    "RoutingRequest",
    "RoutingStrategy",
    "Strategy",
    "draw_of",
    "replay",
    "route",
    "strategy_of",
    "why_not_eligible",
]
