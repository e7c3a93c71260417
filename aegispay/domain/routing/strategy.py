"""What every strategy is: data that says which numbers it looks at, and a pure function from those to scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from aegispay.domain.routing import wording
from aegispay.domain.routing.draws import source_of
from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.settings import Settings

DEPTH_MAX = 5
"""Levels of strategies inside strategies: nobody understands more."""


@dataclass(frozen=True, slots=True)
class RankContext:
    """What a strategy may look at beside the gateways' numbers; all of it can be had again from the record.

    Attributes:
        turn: decisions made before this one. draw: seed of the random draws.
    """

    request: RoutingRequest
    turn: int
    draw: int

    def source(self, purpose: str) -> Random:
        """Return a source of random numbers, the same for the same draw and purpose, another for another purpose."""
        return source_of(self.draw, purpose)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a strategy answers.

    Attributes:
        scores: by gateway, finite, larger is better; gateways without one are placed last, in order of registration.
        why: in words, what the scores alone do not say: which rule matched, which arm was drawn.
        first: gateways that come before all others, best first, whatever they score.
        uses_turn, uses_draw: whether the ranking depends on them; only then they are kept in the record.
        parts: by gateway, what its score is the sum of, by name; only for the record.
    """

    scores: Mapping[str, float]
    why: str = ""
    first: tuple[str, ...] = ()
    uses_turn: bool = False
    uses_draw: bool = False
    parts: Mapping[str, dict[str, float]] = field(default_factory=dict)

    def behind(self, first: Iterable[str], why: str, *, uses_draw: bool = False) -> Ranking:
        """Return the ranking with these gateways before all others, and the reason for that."""
        ahead = dict.fromkeys((*first, *self.first))
        return replace(self, first=tuple(ahead), why=why, uses_draw=uses_draw or self.uses_draw)


class Strategy(Settings, ABC):
    """A way to rank eligible gateways; frozen data, so that it can stand in a file and in the log.

    Each strategy has a literal field ``kind``.
    """

    kind: str

    @abstractmethod
    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Return the numbers of one gateway that the ranking looks at; finite, and empty where there are none."""

    @abstractmethod
    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Score the eligible gateways, in order of registration, from nothing but the arguments."""

    def nested(self) -> tuple[Strategy, ...]:
        """Return the strategies that this one may hand a payment to."""
        return ()

    def title(self, why: str = "") -> str:
        """Return its name in words, with the reason it gave."""
        words = wording.title(self.kind)
        return f"{words} ({why})" if why else words

    @model_validator(mode="after")
    def _refuse_depth(self) -> Self:
        if depth_of(self) > DEPTH_MAX:
            message = "use at most {most} levels of strategies inside strategies"
            raise PydanticCustomError("too_deep", message, {"most": DEPTH_MAX})
        return self


def depth_of(strategy: Strategy) -> int:
    """Return how many levels of strategies there are, this one included."""
    return 1 + max(map(depth_of, strategy.nested()), default=0)
