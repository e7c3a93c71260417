"""Linting rules: what it says is true, and it says it of the mistakes that people make."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay.domain.conditions import Subject
from aegispay.domain.routing import RoutingRequest
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.routing.rules_lint import NOTES, Finding, Problem, lint_rules
from tests import builders as b
from tests.unit.domain.random_conditions import CONDITIONS, SUBJECTS

NAMES = ("alpha", "beta", "gamma")


def compare(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, **more}


def usd(operator: str, value: Any) -> dict[str, Any]:
    return compare("amount", operator, value, currency="USD")


def rule(name: str, when: Any, *gateways: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "when": when, **({"gateways": gateways} if gateways else {}), **more}


def lint(*given: dict[str, Any], gateways: tuple[str, ...] | None = NAMES) -> list[Finding]:
    return list(lint_rules(RuleBased(rules=given, otherwise="round_robin"), gateways=gateways))


def kinds(*given: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(finding.problem.value, finding.place) for finding in lint(*given)]


US = compare("country", "equals", "US")
BIG = usd("at_least", "1000")
BIGGER = usd("at_least", "5000")


def test_good_rules_have_no_findings():
    assert lint(rule("big", BIGGER, "alpha"), rule("us", US, "beta"), rule("rest", None, "gamma", "alpha")) == []


def test_a_rule_behind_a_more_general_one_of_the_same_gateway_is_unreachable():
    (finding,) = lint(rule("big", BIG, "alpha", "beta"), rule("bigger", BIGGER, "alpha"))
    assert finding == Finding(
        Problem.UNREACHABLE,
        ("rules", 1),
        "rule bigger is never reached: big takes everything that it could take",
        "take it out, or give it a higher priority",
    )


def test_a_rule_behind_a_more_general_one_of_another_gateway_is_shadowed():
    (finding,) = lint(rule("big", BIG, "alpha"), rule("bigger", BIGGER, "beta"))
    assert (finding.problem, finding.place) == (Problem.SHADOWED, ("rules", 1))
    assert finding.reason == "rule bigger decides only while alpha cannot take the payment: big comes first"


def test_the_same_conditions_with_different_gateways_conflict():
    same = {"all": [US, BIG]}
    (finding,) = lint(rule("one", same, "alpha"), rule("other", {"all": [BIG, US]}, "beta"))
    assert finding.problem is Problem.CONFLICTING
    assert finding.reason == "rules one and other match the same payments and name different gateways"
    assert "one decides" in finding.way_out


def test_priority_decides_who_is_before_whom():
    assert kinds(rule("bigger", BIGGER, "alpha"), rule("big", BIG, "alpha", priority=1)) == [
        ("unreachable", ("rules", 0))
    ]
    assert kinds(rule("big", BIG, "alpha"), rule("bigger", BIGGER, "alpha", priority=1)) == []


def test_several_earlier_rules_shadow_together_where_each_takes_an_alternative():
    both = compare("country", "in", ["US", "DE"])
    germany = compare("country", "equals", "DE")
    either = {"any": [US, germany]}
    assert kinds(rule("us", US, "alpha"), rule("de", germany, "alpha"), rule("either", either, "alpha")) == [
        ("unreachable", ("rules", 2))
    ]
    # Undecided, so not said: no single rule takes all that the list names.
    assert kinds(rule("us", US, "alpha"), rule("de", germany, "alpha"), rule("both", both, "alpha")) == []


def test_a_disabled_rule_shadows_nothing_and_is_noted():
    assert kinds(rule("all", None, "alpha", enabled=False), rule("us", US, "alpha")) == [
        ("disabled", ("rules", 0, "enabled"))
    ]


def test_everything_behind_a_rule_without_condition_is_unreachable():
    assert kinds(rule("all", None, "alpha"), rule("us", US, "alpha"), rule("us too", US, "beta")) == [
        ("unreachable", ("rules", 1)),
        ("shadowed", ("rules", 2)),
    ]


def test_conditions_that_exclude_each_other_are_named_with_their_place():
    assert kinds(rule("x", {"all": [US, {"not": US}]}, "alpha")) == [("never_true", ("rules", 0, "when"))]
    dead_end = {"all": [BIG, {"any": [compare("currency", "equals", "USD"), usd("less_than", "0.01")]}]}
    assert kinds(rule("x", dead_end, "alpha")) == [("never_true", ("rules", 0, "when", "all", 1, "any", 1))]


def test_a_rule_that_never_matches_shadows_nothing():
    never = {"all": [US, {"not": US}]}
    assert kinds(rule("never", never, "alpha"), rule("never too", never, "alpha")) == [
        ("never_true", ("rules", 0, "when")),
        ("never_true", ("rules", 1, "when")),
    ]


def test_gateways_that_do_not_exist_are_named_with_the_nearest_that_does():
    (finding,) = lint(rule("x", US, "alhpa", "beta"))
    assert (finding.problem, finding.place) == (Problem.UNKNOWN_GATEWAY, ("rules", 0))
    assert finding.reason == "rule x names alhpa: no such gateway; did you mean alpha?"
    assert kinds(rule("x", US, weights={"alpha": 1, "delta": 0})) == [("unknown_gateway", ("rules", 0))]
    assert lint(rule("x", US, "alhpa"), gateways=None) == []


def test_countries_that_do_not_exist_are_found():
    condition = {"not": {"any": [compare("customer.shipping_address.country", "in", ["DE", "UK"]), US]}}
    (finding,) = lint(rule("x", condition, "alpha"))
    assert finding.problem is Problem.UNKNOWN_COUNTRY
    assert finding.place == ("rules", 0, "when", "not", "any", 0, "value")
    assert (finding.reason, finding.way_out) == ("UK is no country of ISO 3166", "use GB for the United Kingdom")


def test_rules_without_otherwise_are_noted():
    (finding,) = lint_rules(RuleBased(rules=[rule("x", US, "alpha")]))
    assert (finding.problem, finding.place, finding.is_note) == (Problem.NO_OTHERWISE, (), True)
    assert "highest success rate is used" in finding.reason


def test_what_has_too_many_alternatives_is_said_to_be_undecided():
    many = {"all": [{"any": [compare(f"metadata.k{n}.{k}", "equals", 1) for k in "ab"]} for n in range(8)]}
    assert kinds(rule("many", many, "alpha"), rule("many too", many, "alpha")) == [
        ("undecided", ("rules", 0, "when")),
        ("undecided", ("rules", 1, "when")),
    ]


@pytest.mark.parametrize("problem", list(Problem))
def test_only_what_may_be_meant_is_a_note(problem):
    assert (problem in NOTES) is (problem.value in {"disabled", "no_otherwise", "undecided"})


# --- soundness ------------------------------------------------------------------------------------------

TARGETS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
SETS = st.lists(st.tuples(CONDITIONS | st.none(), TARGETS, st.integers(0, 1)), min_size=2, max_size=8).map(
    lambda drawn: RuleBased(
        rules=[
            {"name": f"r{number}", "when": when, "gateways": targets, "priority": priority}
            for number, (when, targets, priority) in enumerate(drawn)
        ]
    )
)


def asked(subject: Subject) -> RoutingRequest:
    request = subject.request
    return RoutingRequest(
        amount_minor=request.amount_minor,
        currency=request.currency,
        method=request.payment_method.type,
        payment=request,
        at=subject.at,
    )


@settings(max_examples=100, deadline=None)
@given(SETS, st.lists(SUBJECTS, min_size=12, max_size=12), st.sets(st.sampled_from(NAMES)))
def test_no_payment_reaches_a_rule_that_is_said_to_be_unreachable(strategy, subjects, eligible):
    findings = lint_rules(strategy)
    dead = {
        strategy.rules[finding.place[1]].name
        for finding in findings
        if finding.problem is Problem.UNREACHABLE or (finding.problem is Problem.NEVER_TRUE and len(finding.place) == 3)
    }
    only_in_need = {
        strategy.rules[finding.place[1]].name
        for finding in findings
        if finding.problem in {Problem.SHADOWED, Problem.CONFLICTING}
    }
    for subject in subjects:
        deciding, _ = strategy.deciding(asked(subject), eligible)
        assert deciding is None or deciding.name not in dead
        deciding, _ = strategy.deciding(asked(subject), set(NAMES))
        assert deciding is None or deciding.name not in only_in_need


def test_the_property_above_meets_rules_that_are_dead():
    strategy = RuleBased(rules=[rule("big", BIG, "alpha"), rule("bigger", BIGGER, "alpha")])
    assert [finding.problem for finding in lint_rules(strategy)][:1] == [Problem.UNREACHABLE]
    subject = Subject(b.request(amount="9000.00"))
    assert strategy.deciding(asked(subject), set(NAMES))[0] == strategy.rules[0]
