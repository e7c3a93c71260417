"""Which gateway next: an eligibility filter nobody can bypass, then a strategy, then the reasons on record."""

from __future__ import annotations

from aegispay.domain.routing.ab_split import AbSplit, Arm
from aegispay.domain.routing.cost import CostOptimised
from aegispay.domain.routing.decision import Candidate, RoutingDecision
from aegispay.domain.routing.draws import draw_of
from aegispay.domain.routing.eligibility import why_not_eligible
from aegispay.domain.routing.geographic import Geographic
from aegispay.domain.routing.latency import LowestLatency
from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest, RoutingStrategy
from aegispay.domain.routing.multi_objective import MultiObjective, ObjectiveWeights
from aegispay.domain.routing.named import AnyStrategy, strategy_of
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.round_robin import RoundRobin
from aegispay.domain.routing.route import replay, route
from aegispay.domain.routing.rules import Rule, RuleBased
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.domain.routing.thompson import Thompson
from aegispay.domain.routing.weighted import Weighted

__all__ = [
    "AbSplit",
    "AnyStrategy",
    "Arm",
    "Candidate",
    "CostOptimised",
    "Facts",
    "GatewaySnapshot",
    "Geographic",
    "HighestSuccessRate",
    "LowestLatency",
    "MultiObjective",
    "Newcomers",
    "ObjectiveWeights",
    "RankContext",
    "Ranking",
    "RoundRobin",
    "RoutingDecision",
    "RoutingRequest",
    "RoutingStrategy",
    "Rule",
    "RuleBased",
    "Strategy",
    "Thompson",
    "Weighted",
    "draw_of",
    "replay",
    "route",
    "strategy_of",
    "why_not_eligible",
]
