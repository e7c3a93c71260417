"""One after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import HALF_OPEN, Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy


class RoundRobin(Strategy):
    """Each eligible gateway in turn."""

    kind: Literal["round_robin"] = "round_robin"

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at nothing."""
        return {}

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by how soon it is each one's turn.

        A half-open gateway is no part of the circle: it comes last anyway, and its turns would all go to its neighbour.
        """
        circle = [name for name, known in facts.items() if HALF_OPEN not in known] or list(facts)
        count = len(circle)
        scores = {name: float(count - (index - context.turn) % count) for index, name in enumerate(circle)}
        return Ranking(scores, uses_turn=True)
