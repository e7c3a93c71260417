"""Gateways by the payer's country."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.nested import AnyStrategy
from aegispay.domain.routing.regions import COUNTRIES, REGIONS
from aegispay.domain.routing.settings import Name
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.success import HighestSuccessRate

Place = Annotated[str, Field(min_length=2, max_length=64, strict=True)]
Countries = Annotated[frozenset[str], Field(min_length=1, max_length=300), PlainSerializer(sorted)]
Gateways = Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)]


class Geographic(Strategy):
    """The gateways named for the payer's country first, in the order given; the others behind.

    Attributes:
        regions: regions of your own, with their countries; they come beside `REGIONS`, or instead of one of its names.
        gateways: by country (ISO 3166-1 alpha-2) or region. A country counts before the regions that hold it, and they
            count in the order given.
        otherwise: how the others are ranked, and all of them where the payer's country is not known or not named.
    """

    kind: Literal["geographic"] = "geographic"
    regions: Annotated[dict[Place, Countries], Field(max_length=50)] = Field(default_factory=dict)
    gateways: Annotated[dict[Place, Gateways], Field(min_length=1, max_length=300)]
    otherwise: AnyStrategy = HighestSuccessRate()

    @field_validator("regions")
    @classmethod
    def _check_countries(cls, regions: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        if unknown := sorted(frozenset[str]().union(*regions.values()) - COUNTRIES):
            message = "use countries (ISO 3166-1 alpha-2 in capitals, such as GB), not {code}"
            raise PydanticCustomError("country", message, {"code": unknown[0][:8]})
        return regions

    @field_validator("gateways")
    @classmethod
    def _check_places(cls, gateways: dict[str, tuple[str, ...]], info: ValidationInfo) -> dict[str, tuple[str, ...]]:
        regions = info.data.get("regions", {}) | REGIONS
        if unknown := [place for place in gateways if place not in COUNTRIES and place not in regions]:
            message = "use countries (ISO 3166-1 alpha-2, such as GB) or regions ({regions}), not {place}"
            raise PydanticCustomError("place", message, {"place": unknown[0][:16], "regions": ", ".join(regions)})
        return gateways

    def nested(self) -> tuple[Strategy, ...]:
        """Return what ranks the others."""
        return (self.otherwise,)

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at what ranks the others."""
        return self.otherwise.facts(snapshot, request)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Put the gateways of the first place before the others that has any which can take the payment."""
        rest = self.otherwise.rank(facts, context)
        country = context.request.country
        for place in self._places(country):
            if named := [name for name in self.gateways[place] if name in facts]:
                return rest.behind(named, f"for {country}" if place == country else f"for {country} in {place}")
        missing = "the payer's country is not known" if country is None else f"nobody is named for {country}"
        return rest.behind((), f"{missing}; {self.otherwise.title(rest.why)}")

    def _places(self, country: str | None) -> Iterator[str]:
        if country is None:
            return
        if country in self.gateways and country not in self.regions:
            yield country
        for place in self.gateways:
            if country in self.regions.get(place, REGIONS.get(place, ())):
                yield place
