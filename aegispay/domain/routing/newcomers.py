"""Gateways of which little is known: enough payments to get to know them, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from aegispay.domain.routing.settings import Settings, Share
from aegispay.domain.routing.strategy import RankContext, Ranking

Samples = Annotated[int, Field(ge=1, le=100_000, strict=True)]


class Newcomers(Settings):
    """How gateways with few recent samples get payments.

    Attributes:
        samples: with fewer than this a gateway is a newcomer; after 30, a rate of 90 % is known to about 5 points.
        share: part of the payments that goes to newcomers first, all of them together, while there is anybody else; 5 %
            make a new gateway known within hours at one payment a minute, and cost little if it is bad.
    """

    samples: Samples = 30
    share: Share = 0.05

    def place(self, ranking: Ranking, known: Mapping[str, float], context: RankContext) -> Ranking:
        """Put newcomers before or behind all others, by lot.

        Args:
            ranking: where every gateway would be by its score alone.
            known: by gateway, how many recent samples there are.
            context: where the lot comes from.
        """
        scores = ranking.scores
        newcomers = [name for name in scores if known[name] < self.samples]
        if not newcomers or len(newcomers) == len(scores):
            return ranking
        if context.source("newcomers").random() < self.share:
            ahead, why = newcomers, f"a turn for those with fewer than {self.samples} samples"
        else:
            ahead = [name for name in scores if known[name] >= self.samples]
            why = f"those with fewer than {self.samples} samples wait"
        return ranking.behind(sorted(ahead, key=scores.__getitem__, reverse=True), why, uses_draw=True)
