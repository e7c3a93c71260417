"""Rules: data that says which payments go to which gateways."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import Field, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from aegispay.domain.card_data import contains_card_number
from aegispay.domain.conditions import AnyCondition, Subject
from aegispay.domain.conditions.refusals import refuse_unknown
from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.nested import AnyStrategy
from aegispay.domain.routing.rules_index import RuleIndex
from aegispay.domain.routing.settings import Name, Settings, Weight
from aegispay.domain.routing.strategy import RankContext, Ranking, Strategy
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.domain.routing.weighted import lot

RULES_MAX = 1_000
"""Rules of one set: more than anybody can oversee."""
_NAMED_MAX = 3
"""Rules passed over that a reason names; the rest is a number."""


class Rule(Settings):
    """Payments that match go to these gateways first.

    Attributes:
        name: 1 to 64 printable characters; it stands in the record of every decision that the rule made.
        when: which payments; every one when absent.
        gateway: where they go. gateways: the same, in this order. weights: the same, by lot. Exactly one of the three.
        priority: rules of a higher priority are asked first, those of the same priority in the order of the list.
        enabled: whether the rule counts at all.
    """

    name: Annotated[str, Field(min_length=1, max_length=64, strict=True)]
    when: AnyCondition | None = None
    gateway: Name | None = None
    gateways: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)] | None = None
    weights: Annotated[dict[Name, Weight], Field(min_length=1, max_length=50)] | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000, strict=True)] = 0
    enabled: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            refuse_unknown(given, cls.model_fields)
        return given

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable() or name != name.strip() or contains_card_number(name):
            raise PydanticCustomError("rule", "use printable characters, no spaces at the ends, and no card number")
        return name

    @field_validator("gateways")
    @classmethod
    def _once(cls, gateways: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if gateways is not None and len(set(gateways)) < len(gateways):
            raise PydanticCustomError("rule", "name each gateway once")
        return gateways

    @field_validator("weights")
    @classmethod
    def _some_weight(cls, weights: dict[str, float] | None) -> dict[str, float] | None:
        if weights is not None and not sum(weights.values()):
            raise PydanticCustomError("rule", "give at least one gateway a weight of more than 0")
        return weights

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        given = [name for name in ("gateway", "gateways", "weights") if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"it has {' and '.join(given)}" if given else "it has none of them"
            message = "a rule has exactly one of gateway, gateways and weights; {said}"
            raise PydanticCustomError("rule", message, {"said": said})
        return self

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The gateways that may come first by this rule."""
        if self.weights is not None:
            return tuple(name for name, weight in self.weights.items() if weight)
        return self.gateways or (self.gateway or "",)


class RuleBased(Strategy):
    """The first rule that matches and has an eligible gateway puts its gateways first; the others follow as fallbacks.

    Attributes:
        rules: asked by priority, then in their order.
        otherwise: ranks the gateways that the rule does not name, and all of them where no rule decides.
    """

    kind: Literal["rule_based"] = "rule_based"
    rules: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)]
    otherwise: AnyStrategy = HighestSuccessRate()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: dict[str, int] = {}
        wrong = [
            InitErrorDetails(
                type=PydanticCustomError("rule", "is the name of rules[{first}] too", {"first": seen[rule.name]}),
                loc=("rules", index, "name"),
                input=rule.name,
            )
            for index, rule in enumerate(self.rules)
            if seen.setdefault(rule.name, index) != index
        ]
        if wrong:
            raise pydantic.ValidationError.from_exception_data("rules", wrong)
        return self

    def nested(self) -> tuple[Strategy, ...]:
        """Return what ranks where no rule decides."""
        return (self.otherwise,)

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        """Look at what `otherwise` looks at."""
        return self.otherwise.facts(snapshot, request)

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        """Put the gateways of the first rule that can decide before the ranking of `otherwise`."""
        rest = self.otherwise.rank(facts, context)
        rule, passed = self.deciding(context.request, facts)
        if rule is None:
            return rest.behind((), f"{_passed(passed)}no rule decided, {self.otherwise.title(rest.why)}")
        eligible = [name for name in rule.targets if name in facts]
        return _by_rule(rule, eligible, rest, context, _passed(passed))

    def deciding(self, request: RoutingRequest, eligible: Container[str]) -> tuple[Rule | None, list[str]]:
        """Return the rule that decides, if one does, and the names of those that matched in vain before it."""
        subject = None if request.payment is None else Subject(request.payment, request.at)
        passed: list[str] = []
        for rule in self.index.matching(subject):
            if any(name in eligible for name in rule.targets):
                return rule, passed
            passed.append(rule.name)
        return None, passed

    @cached_property
    def index(self) -> RuleIndex[Rule]:
        """The enabled rules in the order in which they are asked, ready to be asked quickly."""
        enabled = [rule for rule in self.rules if rule.enabled]
        return RuleIndex([(rule.when, rule) for rule in sorted(enabled, key=lambda rule: -rule.priority)])


def _by_rule(rule: Rule, eligible: list[str], rest: Ranking, context: RankContext, passed: str) -> Ranking:
    """Put a rule's eligible gateways before the rest: in its order, or by lot."""
    why = f"{passed}rule {rule.name}"
    if rule.weights is None:
        return rest.behind(eligible, why)
    draw = context.source(f"rule {rule.name}").random
    lots = {name: lot(1.0 - draw(), rule.weights[name]) for name in eligible}
    order = sorted(lots, key=lots.__getitem__, reverse=True)
    part, total = rule.weights[order[0]], sum(rule.weights[name] for name in eligible)
    return rest.behind(order, f"{why}, {order[0]} drawn with {part:g} of {total:g}", uses_draw=True)


def _passed(names: list[str]) -> str:
    """Say which rules matched in vain."""
    if not names:
        return ""
    named = ", ".join(names[:_NAMED_MAX])
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"no gateway of rule {named}{more} is eligible, "
