"""The strategies by name."""

from __future__ import annotations

from aegispay.domain.routing.ab_split import AbSplit
from aegispay.domain.routing.cost import CostOptimised
from aegispay.domain.routing.geographic import Geographic
from aegispay.domain.routing.latency import LowestLatency
from aegispay.domain.routing.model import RoutingStrategy
from aegispay.domain.routing.multi_objective import MultiObjective
from aegispay.domain.routing.nested import AnyStrategy, declare
from aegispay.domain.routing.round_robin import RoundRobin
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.routing.strategy import Strategy
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.domain.routing.thompson import Thompson
from aegispay.domain.routing.weighted import Weighted

__all__ = ["AnyStrategy", "strategy_of"]

declare(
    HighestSuccessRate,
    LowestLatency,
    CostOptimised,
    RoundRobin,
    MultiObjective,
    Thompson,
    Weighted,
    Geographic,
    AbSplit,
    RuleBased,
)

_NAMED: dict[RoutingStrategy, Strategy] = {
    RoutingStrategy.HIGHEST_SUCCESS_RATE: HighestSuccessRate(),
    RoutingStrategy.LOWEST_LATENCY: LowestLatency(),
    RoutingStrategy.COST_OPTIMISED: CostOptimised(),
    RoutingStrategy.ROUND_ROBIN: RoundRobin(),
    RoutingStrategy.MULTI_OBJECTIVE: MultiObjective(),
    RoutingStrategy.THOMPSON: Thompson(),
}


def strategy_of(name: RoutingStrategy | str) -> Strategy:
    """Return the strategy of this name, with its default settings.

    Raises:
        ValueError: there is none.
    """
    return _NAMED[RoutingStrategy(name)]
