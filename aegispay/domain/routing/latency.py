"""Lowest latency first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.proven import latency_facts, proven_latency_s, proven_rate, rate_facts
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy

_RATE_MIN = 0.01


class LowestLatency(Strategy):
    """The gateway that answers soonest; failing fast is not being fast."""

    kind: Literal["lowest_latency"] = "lowest_latency"

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at latency and success rate."""
        return rate_facts(snapshot) | latency_facts(snapshot)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by the time until an answer of use: every failed call has to be waited for as well."""
        return Ranking(
            {name: -proven_latency_s(known) / max(proven_rate(known), _RATE_MIN) for name, known in facts.items()}
        )
