"""Several aims at once, each with a weight that can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.proven import (
    approval_facts,
    experience,
    latency_facts,
    proven_approval,
    proven_latency_s,
)
from aegispay.domain.routing.settings import Settings, Weight
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.value import assumed_costs_minor, cost_facts, expected_value

_SLOW_S = 2.0
"""A median this slow halves the latency part, as in the health score."""


class ObjectiveWeights(Settings):
    """What counts how much; every part is 1 at best, so the weights can be compared.

    Attributes:
        value: approval rate x (margin x amount - cost), as a share of the amount. It already holds approval rate and
            cost in the proportion in which they are money, so it decides by default.
        success: the approval rate alone.
        latency: 2 s / (2 s + median).
        cost: the cheapest cost / cost; one without a price counts as the dearest.
        health: the health score. With latency it decides between gateways that are worth nearly the same.
    """

    value: Weight = 0.9
    success: Weight = 0.0
    latency: Weight = 0.05
    cost: Weight = 0.0
    health: Weight = 0.05

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if not sum(self.counting.values()):
            raise PydanticCustomError("weights", "give at least one of the weights more than 0")
        return self

    @property
    def counting(self) -> dict[str, float]:
        """The weights by name that are not 0."""
        return {name: weight for name, weight in self if weight}


class MultiObjective(Strategy):
    """The gateway with the largest weighted mean of success, latency, cost, health and expected value.

    Attributes:
        weights: what counts how much.
        margin: what a payment is worth to you, as a share of its amount; with 0.2, a lost sale costs a fifth of it.
        newcomers: how gateways with few samples get payments.
    """

    kind: Literal["multi_objective"] = "multi_objective"
    weights: ObjectiveWeights = ObjectiveWeights()
    margin: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)] = 1.0
    newcomers: Newcomers = Newcomers()

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at approvals, declines, faults, cost, latency and health."""
        facts = approval_facts(snapshot) | cost_facts(snapshot, request) | latency_facts(snapshot)
        facts["health"] = snapshot.health
        return facts

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by the weighted mean; the record holds what each part adds to it."""
        costs, weights = assumed_costs_minor(facts), self.weights.counting
        total, cheapest = sum(weights.values()), min(costs.values(), default=0.0)
        parts = {}
        for name, known in facts.items():
            rate, cost = proven_approval(known), costs[name]
            worth = {
                "value": expected_value(rate, cost, context.request.amount_minor, self.margin),
                "success": rate,
                "latency": _SLOW_S / (_SLOW_S + proven_latency_s(known)),
                "cost": cheapest / cost if cost else 1.0,
                "health": known.get("health", 1.0),
            }
            parts[name] = {aim: weight / total * worth[aim] for aim, weight in weights.items()}
        ranking = Ranking({name: sum(each.values()) for name, each in parts.items()}, parts=parts)
        return self.newcomers.place(ranking, {name: experience(known) for name, known in facts.items()}, context)
