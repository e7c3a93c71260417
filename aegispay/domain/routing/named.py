"""The strategies by name, and the way from data to a strategy."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from aegispay.domain.routing.cost import CostOptimised
from aegispay.domain.routing.latency import LowestLatency
from aegispay.domain.routing.model import RoutingStrategy
from aegispay.domain.routing.round_robin import RoundRobin
from aegispay.domain.routing.strategy import Strategy
from aegispay.domain.routing.success import HighestSuccessRate

_NAMED: dict[RoutingStrategy, Strategy] = {
    RoutingStrategy.HIGHEST_SUCCESS_RATE: HighestSuccessRate(),
    RoutingStrategy.LOWEST_LATENCY: LowestLatency(),
    RoutingStrategy.COST_OPTIMISED: CostOptimised(),
    RoutingStrategy.ROUND_ROBIN: RoundRobin(),
}


def strategy_of(name: RoutingStrategy | str) -> Strategy:
    """Return the strategy of this name, with its default settings.

    Raises:
        ValueError: there is none.
    """
    return _NAMED[RoutingStrategy(name)]


def _by_name(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


AnyStrategy = Annotated[
    Annotated[HighestSuccessRate | LowestLatency | CostOptimised | RoundRobin, Field(discriminator="kind")],
    BeforeValidator(_by_name),
]
"""Any built-in strategy: an object, its name, or a mapping with its ``kind``."""
