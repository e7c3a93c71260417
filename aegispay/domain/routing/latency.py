"""Lowest latency first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.proven import proven_latency_s, proven_rate, rate_facts
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy


class LowestLatency(Strategy):
    """The gateway that answers soonest; failing fast is not being fast."""

    kind: Literal["lowest_latency"] = "lowest_latency"

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at latency and success rate."""
        facts = rate_facts(snapshot)
        if snapshot.latency_p50_s is not None:
            facts["latency_p50_s"] = snapshot.latency_p50_s
        return facts

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score by the time until an answer of use."""
        return Ranking(
            {name: -proven_latency_s(known) / max(proven_rate(known), 0.01) for name, known in facts.items()}
        )
