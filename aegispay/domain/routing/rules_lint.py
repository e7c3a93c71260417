"""What is wrong with a set of rules although each of them is well-formed.

Everything said is true; what cannot be decided is left out or said to be undecided. Conditions are compared as unions
of boxes (`aegispay.domain.conditions.boxes`), so regular expressions, ``contains`` and orders of metadata are known by
their wording only, and a rule that several others shadow only together, each a part of one alternative, is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.conditions import AllOf, AnyOf, Comparison, Condition, Not
from aegispay.domain.conditions import kinds as k
from aegispay.domain.conditions.boxes import BOXES_MAX, Box, boxes_of
from aegispay.domain.routing.regions import COUNTRIES
from aegispay.domain.routing.rules import Rule, RuleBased
from aegispay.domain.settings_errors import nearest


class Problem(StrEnum):
    """What a finding is about."""

    WRONG = "wrong"
    NEVER_TRUE = "never_true"
    UNREACHABLE = "unreachable"
    CONFLICTING = "conflicting"
    SHADOWED = "shadowed"
    UNKNOWN_GATEWAY = "unknown_gateway"
    UNKNOWN_COUNTRY = "unknown_country"
    DISABLED = "disabled"
    NO_OTHERWISE = "no_otherwise"
    UNDECIDED = "undecided"


NOTES = frozenset({Problem.DISABLED, Problem.NO_OTHERWISE, Problem.UNDECIDED})
"""What may be meant as it is; everything else is a mistake, or surprises somebody."""

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Attributes:
        place: where it stands, such as ``("rules", 3, "when")``.
        reason: what is wrong, one sentence. way_out: what to do about it.
    """

    problem: Problem
    place: Place
    reason: str
    way_out: str

    @property
    def is_note(self) -> bool:
        """Whether it may be meant as it is."""
        return self.problem in NOTES


@dataclass(frozen=True, slots=True)
class _Asked:
    """An enabled rule, in the order in which the rules are asked."""

    place: Place
    rule: Rule
    boxes: tuple[Box, ...] | None


def lint_rules(strategy: RuleBased, *, gateways: Iterable[str] | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with the rules, in their order.

    Args:
        strategy: the rules.
        gateways: names of the gateways that exist; ``None`` where they are not known.
    """
    known = None if gateways is None else tuple(gateways)
    found = [finding for index, rule in enumerate(strategy.rules) for finding in _alone(rule, ("rules", index), known)]
    found += _together(strategy)
    if "otherwise" not in strategy.model_fields_set:
        reason = f"nothing says how payments are routed that no rule takes; {strategy.otherwise.title()} is used"
        found.append(Finding(Problem.NO_OTHERWISE, (), reason, "write otherwise: and the name of a strategy"))
    return tuple(sorted(found, key=lambda finding: (not finding.place, finding.place[1:2])))


# --- one rule ---------------------------------------------------------------------------------------------


def _alone(rule: Rule, place: Place, known: tuple[str, ...] | None) -> Iterator[Finding]:
    if not rule.enabled:
        reason = f"rule {rule.name} is disabled, so the others are checked as if it were not there"
        yield Finding(Problem.DISABLED, (*place, "enabled"), reason, "enable it, or take it out")
    for name in rule.weights or rule.targets:
        if known is not None and name not in known:
            reason = f"rule {rule.name} names {name}: {nearest(name, known).replace('is not known', 'no such gateway')}"
            yield Finding(Problem.UNKNOWN_GATEWAY, place, reason, "register the gateway, or name one that exists")
    if rule.when is not None:
        yield from _countries(rule.when, (*place, "when"))
        yield from _never_true(rule.when, (*place, "when"), f"rule {rule.name}")


def _never_true(condition: Condition, place: Place, whose: str) -> Iterator[Finding]:
    """Find conditions and alternatives that no payment can match."""
    boxes = boxes_of(condition)
    if boxes is None:
        reason = f"{whose} has more than {BOXES_MAX} alternatives, so it was not compared with other rules"
        yield Finding(Problem.UNDECIDED, place, reason, "split it into several rules")
    elif not boxes:
        reason = f"{whose} can never match: its conditions exclude each other"
        yield Finding(Problem.NEVER_TRUE, place, reason, "change one of the conditions, or take it out")
    if boxes:
        for inner, option in _alternatives(condition, place):
            yield from _never_true(option, inner, f"an alternative of {whose.removeprefix('an alternative of ')}")


def _alternatives(condition: Condition, place: Place) -> Iterator[tuple[Place, Condition]]:
    match condition:
        case AnyOf():
            yield from (((*place, "any", index), each) for index, each in enumerate(condition.conditions))
        case AllOf():
            for index, each in enumerate(condition.conditions):
                yield from _alternatives(each, (*place, "all", index))
        case _:
            return


def _countries(condition: Condition, place: Place) -> Iterator[Finding]:
    match condition:
        case Comparison() if condition.kind is k.COUNTRY:
            for code in condition.operands:
                if isinstance(code, str) and code not in COUNTRIES:
                    reason = f"{code} is no country of ISO 3166"
                    way_out = "use GB for the United Kingdom" if code == "UK" else "correct the code"
                    yield Finding(Problem.UNKNOWN_COUNTRY, (*place, "value"), reason, way_out)
        case Comparison():
            return
        case Not():
            yield from _countries(condition.condition, (*place, "not"))
        case AllOf() | AnyOf():
            key = "all" if isinstance(condition, AllOf) else "any"
            for index, each in enumerate(condition.conditions):
                yield from _countries(each, (*place, key, index))


# --- rules against each other -----------------------------------------------------------------------------


def _together(strategy: RuleBased) -> Iterator[Finding]:
    enabled = [
        _Asked(("rules", index), rule, boxes_of(rule.when)) for index, rule in enumerate(strategy.rules) if rule.enabled
    ]
    asked = sorted(enabled, key=lambda each: -each.rule.priority)
    for place, later in enumerate(asked):
        if later.boxes:
            yield from _covered(later, [each for each in asked[:place] if each.boxes])


def _covered(later: _Asked, earlier: list[_Asked]) -> Iterator[Finding]:
    """Compare a rule with those that are asked before it."""
    covering: dict[str, _Asked] = {}
    for box in later.boxes or ():
        holding = next((each for each in earlier if _holds(each, box)), None)
        if holding is None:
            return
        covering.setdefault(holding.rule.name, holding)
    rules = list(covering.values())
    names = " and ".join(each.rule.name for each in rules)
    # An earlier rule is passed over only while none of its gateways is eligible.
    takes_all = all(set(later.rule.targets) <= set(each.rule.targets) for each in rules)
    if takes_all:
        reason = f"rule {later.rule.name} is never reached: {names} takes everything that it could take"
        yield Finding(Problem.UNREACHABLE, later.place, reason, "take it out, or give it a higher priority")
        return
    same = next((each for each in rules if _are_equal(each, later)), None)
    if same is not None:
        reason = f"rules {same.rule.name} and {later.rule.name} match the same payments and name different gateways"
        way_out = f"write one rule with a list of gateways; as it is, {same.rule.name} decides"
        yield Finding(Problem.CONFLICTING, later.place, reason, way_out)
        return
    blocking = ", ".join(dict.fromkeys(name for each in rules for name in each.rule.targets))
    reason = f"rule {later.rule.name} decides only while {blocking} cannot take the payment: {names} comes first"
    way_out = "put the more special rule first, give it a higher priority, or take it out"
    yield Finding(Problem.SHADOWED, later.place, reason, way_out)


def _holds(earlier: _Asked, box: Box) -> bool:
    return any(box.is_within(other) for other in earlier.boxes or ())


def _are_equal(one: _Asked, other: _Asked) -> bool:
    return all(_holds(one, box) for box in other.boxes or ()) and all(_holds(other, box) for box in one.boxes or ())
