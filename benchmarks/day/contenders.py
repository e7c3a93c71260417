"""Who takes part in the day."""

from __future__ import annotations

from collections.abc import Callable

from aegispay.domain.routing import Strategy, strategy_of
from aegispay.domain.routing.ab_split import AbSplit, Arm
from aegispay.domain.routing.weighted import Weighted
from benchmarks.day.choosers import Chooser, Fixed, Oracle, Routed
from benchmarks.day.world import NAMES

ROUND_ROBIN, MULTI_OBJECTIVE, THOMPSON = "round robin", "multi-objective", "thompson"
ORACLE = "oracle"

# What a merchant may have agreed with his gateways: half to the incumbent, the rest where it is cheaper.
_WEIGHTED = Weighted(weights={"alpha": 50, "beta": 25, "gamma": 5, "delta": 20})
# A careful start with the bandit: it gets a fifth of the payers, the others stay in turn.
_CAREFUL = AbSplit(
    experiment="bandit",
    arms=(
        Arm(name="in-turn", weight=80, strategy=strategy_of("round_robin")),
        Arm(name="thompson", weight=20, strategy=strategy_of("thompson")),
    ),
)


def _routed(strategy: Strategy) -> Callable[[], Chooser]:
    return lambda: Routed(strategy)


STRATEGIES = {
    ROUND_ROBIN: _routed(strategy_of("round_robin")),
    "weighted": _routed(_WEIGHTED),
    "cost optimised": _routed(strategy_of("cost_optimised")),
    "lowest latency": _routed(strategy_of("lowest_latency")),
    "highest success rate": _routed(strategy_of("highest_success_rate")),
    "A/B split": _routed(_CAREFUL),
    MULTI_OBJECTIVE: _routed(strategy_of("multi_objective")),
    THOMPSON: _routed(strategy_of("thompson")),
}
"""What a merchant can configure."""

FIXED = {f"always {name}": _routed(Fixed(gateway=name)) for name in NAMES}
"""One gateway first, all day; the best of them is known only when the day is over."""

ORACLES: dict[str, Callable[[], Chooser]] = {
    "oracle without segments": lambda: Oracle(knows_segments=False),
    ORACLE: Oracle,
}
"""Who knows the truth: no strategy can."""

CONTENDERS = STRATEGIES | FIXED | ORACLES

SHOWN = (ROUND_ROBIN, "cost optimised", "lowest latency", "highest success rate", MULTI_OBJECTIVE, THOMPSON)
"""Whose losses are drawn; of the last one also whom it sent the payments to."""
