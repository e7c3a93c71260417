"""A bandit: each gateway gets payments in proportion to the chance that it is the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.proven import (
    PRIOR_APPROVALS,
    PRIOR_DECLINES,
    approval_facts,
    experience,
    proven_rate,
)
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.value import assumed_costs_minor, cost_facts, expected_value


class Thompson(Strategy):
    """Thompson sampling: draw an approval rate that each gateway may well have, and take the gateway that drew best.

    A rate is drawn from the beta distribution of recent approvals and declines: the fewer there are, the wider it is.
    So what is uncertain is tried, and what is surely worse is not. Both counts fade with time, so change is found out.

    Attributes:
        maximise: ``value`` ranks by the drawn rate x (amount - cost), ``approvals`` by the rate alone.
        newcomers: how gateways with few samples get payments. Ten samples are enough here, and within the reach of a
            small shop: what is uncertain is drawn widely, so a lucky start wins some of the payments and not all.
    """

    kind: Literal["thompson"] = "thompson"
    maximise: Literal["value", "approvals"] = "value"
    newcomers: Newcomers = Newcomers(samples=10)

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at approvals, declines and faults, and at the cost if it counts."""
        facts = approval_facts(snapshot)
        return facts | cost_facts(snapshot, request) if self.maximise == "value" else facts

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by what was drawn: the rate as it may be, times the share of calls without a fault."""
        beta = context.source(self.kind).betavariate
        rates = {
            name: proven_rate(known)
            * beta(known.get("approvals", 0.0) + PRIOR_APPROVALS, known.get("declines", 0.0) + PRIOR_DECLINES)
            for name, known in facts.items()
        }
        scores, parts = rates, {name: {"drawn_approval_rate": rate} for name, rate in rates.items()}
        if self.maximise == "value":
            scores = self._values(rates, facts, context.request.amount_minor)
            for name, score in scores.items():
                parts[name]["cost"] = score - rates[name]
        ranking = Ranking(scores, uses_draw=True, parts=parts)
        return self.newcomers.place(ranking, {name: experience(known) for name, known in facts.items()}, context)

    def _values(self, rates: Mapping[str, float], facts: Mapping[str, Facts], amount_minor: int) -> dict[str, float]:
        costs = assumed_costs_minor(facts)
        return {name: expected_value(rate, costs[name], amount_minor) for name, rate in rates.items()}
