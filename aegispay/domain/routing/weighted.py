"""Shares of the payments by weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.nested import AnyStrategy
from aegispay.domain.routing.settings import Name, Weight
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.success import HighestSuccessRate


def lot(part: float, weight: float) -> float:
    """Return a lot whose chance to be the largest is its weight's share of all weights.

    Args:
        part: a random number, more than 0 and at most 1.
        weight: more than 0.
    """
    return math.log(part) / weight


class Weighted(Strategy):
    """Each gateway gets its share of the payments, by lot; where one cannot take a payment, the others share its part.

    Attributes:
        weights: by gateway; 70 and 30 are the same as 7 and 3.
        otherwise: how the gateways without a weight, or with 0, are ranked; they come behind the others.
    """

    kind: Literal["weighted"] = "weighted"
    weights: Annotated[dict[Name, Weight], Field(min_length=1, max_length=200)]
    otherwise: AnyStrategy = HighestSuccessRate()

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if not sum(self.weights.values()):
            raise PydanticCustomError("weights", "give at least one gateway a weight of more than 0")
        return self

    def nested(self) -> tuple[Strategy, ...]:
        """Return what ranks the others."""
        return (self.otherwise,)

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at what ranks the others."""
        return self.otherwise.facts(snapshot, request)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Draw an order by weight, before the others."""
        rest = self.otherwise.rank(facts, context)
        weights = {name: weight for name in facts if (weight := self.weights.get(name))}
        if not weights:
            return rest.behind((), f"none with a weight can take it; {self.otherwise.title(rest.why)}")
        draw = context.source(self.kind).random
        lots = {name: lot(1.0 - draw(), weight) for name, weight in weights.items()}
        order = sorted(lots, key=lots.__getitem__, reverse=True)
        why = f"{order[0]} drawn with {weights[order[0]]:g} of {sum(weights.values()):g}"
        return rest.behind(order, why, uses_draw=True)
