"""What every strategy is: data that says which numbers it looks at, and a pure function from those to scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from pydantic import BaseModel, ConfigDict

from aegispay.domain.routing.draws import source_of
from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest


@dataclass(frozen=True, slots=True)
class RankContext:
    """What a strategy may look at beside the gateways' numbers; all of it can be had again from the record.

    Attributes:
        turn: decisions made before this one. draw: seed of the random draws.
    """

    request: RoutingRequest
    turn: int
    draw: int

    def source(self, purpose: str = "") -> Random:
        """Return a source of random numbers, the same for the same draw and purpose."""
        return source_of(self.draw if not purpose else self.draw ^ hash_of(purpose))


def hash_of(purpose: str) -> int:
    """Return a number that tells purposes apart, the same in every process."""
    return int.from_bytes(purpose.encode()[:6].ljust(6, b"\0"), "big")


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a strategy answers.

    Attributes:
        scores: by gateway, finite, larger is better; gateways without one are placed last, in order of registration.
        why: in words, what the scores alone do not say: which rule matched, which arm was drawn.
        uses_turn, uses_draw: whether the ranking depends on them; only then they are kept in the record.
    """

    scores: Mapping[str, float]
    why: str = ""
    uses_turn: bool = False
    uses_draw: bool = field(default=False)


class Strategy(BaseModel, ABC):
    """A way to rank eligible gateways; frozen data, so that it can stand in a file and in the log.

    Each strategy has a literal field ``kind``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    @abstractmethod
    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Return the numbers of one gateway that the ranking looks at; finite, and empty where there are none."""

    @abstractmethod
    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score the eligible gateways, in order of registration, from nothing but the arguments."""
