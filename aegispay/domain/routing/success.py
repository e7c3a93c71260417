"""Highest success rate first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.proven import proven_rate, rate_facts
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy


class HighestSuccessRate(Strategy):
    """The gateway whose recent calls failed least through its own fault.

    Attributes:
        newcomers: how gateways with few samples get payments; ``None``: by the rate that is assumed of them, so where
            another one is proven better they get only what that one fails to take.
    """

    kind: Literal["highest_success_rate"] = "highest_success_rate"
    newcomers: Newcomers | None = None

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at success rate and samples."""
        return rate_facts(snapshot)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by the rate that is proven."""
        ranking = Ranking({name: proven_rate(known) for name, known in facts.items()})
        if self.newcomers is None:
            return ranking
        return self.newcomers.place(
            ranking, {name: known.get("samples", 0.0) for name, known in facts.items()}, context
        )
