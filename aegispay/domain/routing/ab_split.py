"""An experiment: two or more strategies side by side, each for its own part of the payers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from aegispay.domain.card_data import contains_card_number
from aegispay.domain.routing.draws import draw_of, part_of
from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.nested import AnyStrategy
from aegispay.domain.routing.settings import Name, Settings, Weight
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.weighted import lot

_KEYS_REMEMBERED = 256


def _refuse_card_number(name: str) -> str:
    # It stands in the record of every decision.
    if contains_card_number(name):
        raise PydanticCustomError("card_data", "looks like a card number")
    return name


Word = Annotated[Name, AfterValidator(_refuse_card_number)]


class Arm(Settings):
    """One side of an experiment.

    Attributes:
        weight: its part of the payers, in proportion to the other arms' weights; with 0 it gets none.
        strategy: how their payments are routed.
    """

    name: Word
    weight: Weight = 1.0
    strategy: AnyStrategy


class AbSplit(Strategy):
    """Each payer belongs to one arm, always the same; the arm's strategy ranks the gateways.

    The arm follows from the request's sticky key (the customer's id, or the idempotency key where there is no customer)
    and the experiment's name. A changed weight moves only as many payers as it must, to that arm or away from it.

    Attributes:
        experiment: another name deals the payers anew, independently of other experiments.
        arms: at least two.
    """

    kind: Literal["ab_split"] = "ab_split"
    experiment: Word
    arms: Annotated[tuple[Arm, ...], Field(min_length=2, max_length=20)]

    @model_validator(mode="after")
    def _refuse_nonsense(self) -> Self:
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise PydanticCustomError("arms", "give every arm another name")
        if not sum(arm.weight for arm in self.arms):
            raise PydanticCustomError("arms", "give at least one arm a weight of more than 0")
        return self

    def nested(self) -> tuple[Strategy, ...]:
        """Return the arms' strategies."""
        return tuple(arm.strategy for arm in self.arms)

    @cached_property
    def weights(self) -> tuple[tuple[str, float], ...]:
        """The arms' names and weights."""
        return tuple((arm.name, arm.weight) for arm in self.arms)

    def arm_of(self, sticky_key: str) -> Arm:
        """Return the arm to which this key belongs."""
        return self.arms[_index_of(self.experiment, self.weights, sticky_key)]

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at what the arm's strategy looks at."""
        return self.arm_of(request.sticky_key).strategy.facts(snapshot, request)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Leave it to the arm's strategy, and say which arm it is."""
        arm = self.arm_of(context.request.sticky_key)
        ranking = arm.strategy.rank(facts, context)
        return ranking.behind((), f"{self.experiment}, arm {arm.name}: {arm.strategy.title(ranking.why)}")


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _index_of(experiment: str, weights: tuple[tuple[str, float], ...], sticky_key: str) -> int:
    """Return the arm whose lot is the largest; every arm's lot depends on nothing but itself and the key."""
    lots = {
        index: lot(part_of(draw_of(experiment, name, sticky_key)), weight)
        for index, (name, weight) in enumerate(weights)
        if weight
    }
    return max(lots, key=lots.__getitem__)
