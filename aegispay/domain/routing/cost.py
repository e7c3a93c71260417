"""Least cost of this very payment first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.proven import proven_rate, rate_facts
from aegispay.domain.routing.settings import Share
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.value import cost_facts


class CostOptimised(Strategy):
    """The gateway that takes this payment for the least, fixed fee and percentage together.

    Attributes:
        success_rate_min: gateways whose calls succeed less often than this come behind all others, however cheap.
    """

    kind: Literal["cost_optimised"] = "cost_optimised"
    success_rate_min: Share = 0.0

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at what this payment would cost, in minor units of its currency."""
        facts = cost_facts(snapshot, request)
        return facts | rate_facts(snapshot) if self.success_rate_min else facts

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by cost. A gateway without a price is not free: it has no score, and so ranks behind every price."""
        ranking = Ranking({name: -known["cost_minor"] for name, known in facts.items() if "cost_minor" in known})
        if not self.success_rate_min:
            return ranking
        good = [name for name, known in facts.items() if proven_rate(known) >= self.success_rate_min]
        lowest = float("-inf")
        good.sort(key=lambda name: ranking.scores.get(name, lowest), reverse=True)
        return ranking.behind(good, f"among those that succeed at least {self.success_rate_min:.0%} of the time")
