"""Highest success rate first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.proven import proven_rate, rate_facts
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy

_PROBATION = 0.5
"""While half open only a few probes pass, so a gateway ranks behind those that are closed and not much worse."""


class HighestSuccessRate(Strategy):
    """The gateway whose recent calls failed least through its own fault."""

    kind: Literal["highest_success_rate"] = "highest_success_rate"

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at success rate, samples and breaker."""
        return rate_facts(snapshot)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by the rate that is proven."""
        return Ranking({name: _score(known) for name, known in facts.items()})


def _score(facts: Facts) -> float:
    rate = proven_rate(facts)
    return rate * _PROBATION if "half_open" in facts else rate
