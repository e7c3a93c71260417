"""Least cost of this very payment first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy

_UNPRICED = -1e15
"""Below the cost of any payment; finite, because the decision is stored as JSON."""


class CostOptimised(Strategy):
    """The gateway that takes this payment for the least, fixed fee and percentage together."""

    kind: Literal["cost_optimised"] = "cost_optimised"

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at what this payment would cost, in minor units of its currency."""
        fee = snapshot.contract.fee(request.currency, request.method)
        return {} if fee is None else {"cost_minor": fee.cost_minor(request.amount_minor)}

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by cost. A gateway without a price is not free: it ranks behind every price that is known."""
        return Ranking({name: -known.get("cost_minor", -_UNPRICED) for name, known in facts.items()})
