"""Routing by rules: who decides, what happens when nobody can, and what the record says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.breaker import BreakerState
from aegispay.domain.conditions import compile_condition
from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.routing import (
    GatewaySnapshot,
    RoutingDecision,
    RoutingRequest,
    RoutingStrategy,
    draw_of,
    replay,
    route,
)
from aegispay.domain.routing.rules import RULES_MAX, Rule, RuleBased
from aegispay.domain.routing.rules_index import RuleIndex
from aegispay.errors import ValidationError
from tests import builders as b
from tests.unit.domain.random_conditions import CONDITIONS, SUBJECTS

NAMES = ("alpha", "beta", "gamma")
MORNING = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def compare(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, **more}


def rule(name: str, when: Any = None, gateway: str | None = None, **more: Any) -> dict[str, Any]:
    target = {} if gateway is None else {"gateway": gateway}
    return {"name": name, "when": when, **target, **more}


def rules(*given: dict[str, Any], otherwise: Any = "highest_success_rate") -> RuleBased:
    return RuleBased.model_validate({"rules": given, "otherwise": otherwise})


def snapshots(*names: str, **changes: dict[str, Any]) -> list[GatewaySnapshot]:
    return [
        GatewaySnapshot(name=name, contract=GatewayContract(), samples=100, success_rate=0.9, **changes.get(name, {}))
        for name in names or NAMES
    ]


def asked(*, at: datetime | None = MORNING, excluded: frozenset[str] = frozenset(), **changes: Any) -> RoutingRequest:
    request = b.request(**changes)
    return RoutingRequest(
        amount_minor=request.amount_minor,
        currency=request.currency,
        method=request.payment_method.type,
        payment=request,
        at=at,
        excluded=excluded,
        forced=request.gateway,
    )


def decide(
    strategy: RuleBased, *, reports: list[GatewaySnapshot] | None = None, draw: int = 0, **changes: Any
) -> RoutingDecision:
    return route(reports or snapshots(), asked(**changes), strategy=strategy, draw=draw)


LARGE = compare("amount", "at_least", "1000.00", currency="USD")
GERMAN = compare("country", "equals", "DE")
IN_GERMANY = {"id": "c-1", "billing_address": {"country": "DE"}}


def test_the_first_rule_that_matches_puts_its_gateway_first_and_the_others_follow():
    strategy = rules(rule("large", LARGE, "gamma"), rule("rest", None, "beta"))
    decision = decide(strategy, amount="1000.00")
    assert decision.order == ("gamma", "alpha", "beta")
    assert decision.why == "rule large"
    assert decide(strategy, amount="999.99").order == ("beta", "alpha", "gamma")


def test_the_others_are_ranked_by_otherwise():
    reports = snapshots(alpha={"latency_p50_s": 0.9}, gamma={"latency_p50_s": 0.1})
    strategy = rules(rule("to beta", None, "beta"), otherwise="lowest_latency")
    assert decide(strategy, reports=reports).order == ("beta", "gamma", "alpha")


def test_where_no_rule_matches_otherwise_decides():
    reports = snapshots(alpha={"latency_p50_s": 0.9}, gamma={"latency_p50_s": 0.1})
    decision = decide(rules(rule("large", LARGE, "beta"), otherwise="lowest_latency"), reports=reports)
    assert decision.order[0] == "gamma"
    assert decision.why.startswith("no rule decided, lowest latency")


def test_the_higher_priority_is_asked_first_and_order_breaks_ties():
    strategy = rules(
        rule("first", None, "alpha"), rule("second", None, "beta", priority=5), rule("third", None, "gamma", priority=5)
    )
    assert decide(strategy).why == "rule second"


def test_a_disabled_rule_does_not_count():
    strategy = rules(rule("off", None, "alpha", enabled=False, priority=9), rule("on", None, "beta"))
    assert decide(strategy).why == "rule on"


@pytest.mark.parametrize(
    "gone",
    [
        {"reports": snapshots("beta", "gamma")},
        {"reports": snapshots(alpha={"breaker": BreakerState.OPEN})},
        {"reports": snapshots(alpha={"is_enabled": False})},
        {"excluded": frozenset({"alpha"})},
    ],
)
def test_a_rule_whose_gateway_is_absent_or_not_eligible_is_passed_over(gone):
    strategy = rules(rule("gone", None, "alpha"), rule("next", None, "beta"))
    decision = decide(strategy, **gone)
    assert decision.order[0] == "beta"
    assert decision.why == "no gateway of rule gone is eligible, rule next"


def test_where_every_rule_is_passed_over_otherwise_decides():
    strategy = rules(*(rule(f"r{number}", None, "nobody") for number in range(5)), otherwise="round_robin")
    decision = decide(strategy)
    assert decision.order == NAMES
    assert decision.why.startswith("no gateway of rule r0, r1, r2 and 2 more is eligible, no rule decided, round robin")
    assert decision.turn == 0


def test_a_list_of_gateways_keeps_its_order_without_those_that_are_not_eligible():
    strategy = rules(rule("list", None, gateways=["gamma", "alpha", "beta"]))
    assert decide(strategy).order == ("gamma", "alpha", "beta")
    assert decide(strategy, reports=snapshots(gamma={"is_enabled": False})).order == ("alpha", "beta")


def test_weights_share_the_payments_out():
    strategy = rules(rule("split", None, weights={"alpha": 70, "beta": 30, "gamma": 0}))
    count = 2_000
    firsts = Counter(decide(strategy, draw=draw_of("pay", number)).order[0] for number in range(count))
    # Four standard deviations of a binomial with p = 0.7.
    assert abs(firsts["alpha"] - 0.7 * count) < 4 * (count * 0.7 * 0.3) ** 0.5
    assert firsts["alpha"] + firsts["beta"] == count


def test_a_draw_is_on_record_and_in_words():
    decision = decide(rules(rule("split", None, weights={"alpha": 1.5, "beta": 0.5})), draw=5)
    assert decision.draw == 5
    assert decision.why in {"rule split, alpha drawn with 1.5 of 2", "rule split, beta drawn with 0.5 of 2"}


def test_the_weight_of_a_gateway_that_is_not_eligible_goes_to_the_others():
    strategy = rules(rule("split", None, weights={"alpha": 99, "beta": 1}))
    decision = decide(strategy, reports=snapshots(alpha={"is_enabled": False}))
    assert decision.order == ("beta", "gamma")
    assert decision.why == "rule split, beta drawn with 1 of 1"


def test_a_forced_gateway_comes_before_any_rule():
    assert decide(rules(rule("all", None, "alpha")), gateway="beta").order == ("beta",)


def test_without_the_payment_only_rules_for_every_payment_count():
    request = RoutingRequest(amount_minor=1, currency="USD", method=b.request().payment_method.type)
    strategy = rules(rule("never", {"not": GERMAN}, "gamma"), rule("all", None, "beta"))
    assert route(snapshots(), request, strategy=strategy).why == "rule all"


def test_rules_nest_in_other_rules():
    inner = rules(rule("inner", GERMAN, "gamma"))
    strategy = rules(rule("outer", LARGE, "beta"), otherwise=inner)
    assert decide(strategy, customer=IN_GERMANY).order[0] == "gamma"
    assert decide(strategy, customer=IN_GERMANY, amount="2000.00").order == ("beta", "gamma", "alpha")


# --- the classics ---------------------------------------------------------------------------------------

CLASSICS = rules(
    rule("high value to the safest", compare("amount", "greater_than", "10000.00", currency="USD"), "beta", priority=9),
    rule(
        "business hours to the fastest",
        {"all": [
            compare("time.of_day", "between", ["09:00", "17:00"], time_zone="Europe/Berlin"),
            compare("time.weekday", "not_in", ["saturday", "sunday"]),
            compare("metadata.needs", "equals", "speed"),
        ]},
        "gamma",
    ),
    rule("region US", compare("country", "equals", "US"), "alpha"),
    rule("region EU", compare("country", "in", ["DE", "FR"]), "gamma"),
    rule("region ASIA", compare("country", "in", ["JP", "IN"]), "beta"),
    otherwise="cost_optimised",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": "15000.00"}, "rule high value to the safest"),
        ({"amount": "10000.00"}, "no rule decided, cost optimised"),
        ({"amount": "15000.00", "currency": "EUR"}, "no rule decided, cost optimised"),
        ({"metadata": {"needs": "speed"}}, "rule business hours to the fastest"),
        ({"metadata": {"needs": "speed"}, "at": MORNING + timedelta(hours=10)}, "no rule decided, cost optimised"),
        ({"metadata": {"needs": "speed"}, "at": MORNING - timedelta(days=1)}, "no rule decided, cost optimised"),
        ({"customer": {"id": "c", "billing_address": {"country": "US"}}}, "rule region US"),
        ({"customer": {"id": "c", "billing_address": {"country": "FR"}}}, "rule region EU"),
        ({"customer": {"id": "c", "shipping_address": {"country": "JP"}}}, "rule region ASIA"),
    ],
)
def test_high_value_low_latency_cost_business_hours_and_regions(changes, why):
    priced = [
        GatewaySnapshot(name=name, contract=GatewayContract(fees=(Fee(fixed_minor=fee),)))
        for name, fee in (("alpha", 30), ("beta", 20), ("gamma", 10))
    ]
    decision = decide(CLASSICS, reports=priced, **changes)
    assert decision.why.startswith(why)
    if why.startswith("no rule"):
        assert decision.order == ("gamma", "beta", "alpha")


# --- properties -----------------------------------------------------------------------------------------

TARGETS = st.one_of(
    st.sampled_from([*NAMES, "nobody"]).map(lambda name: {"gateway": name}),
    st.lists(st.sampled_from([*NAMES, "nobody"]), min_size=1, unique=True).map(lambda names: {"gateways": names}),
    st.dictionaries(st.sampled_from([*NAMES, "nobody"]), st.integers(1, 9), min_size=1).map(lambda w: {"weights": w}),
)
RULES = st.lists(
    st.tuples(st.none() | CONDITIONS, TARGETS, st.integers(-2, 2), st.booleans()), max_size=12
).map(
    lambda drawn: rules(*(
        {"name": f"r{number}", "when": when, **target, "priority": priority, "enabled": enabled}
        for number, (when, target, priority, enabled) in enumerate(drawn)
    ))
)  # fmt: skip


def slowly(strategy: RuleBased, request: RoutingRequest, subject: Any, eligible: set[str]) -> Rule | None:
    """The deciding rule, found without index: as the documentation says it."""
    by_priority = sorted(strategy.rules, key=lambda each: -each.priority)
    for each in by_priority:
        matches = each.when is None or compile_condition(each.when)(subject)
        if each.enabled and matches and eligible & set(each.targets):
            return each
    return None


@given(RULES, SUBJECTS, st.sets(st.sampled_from(NAMES)), st.integers(0, 2**53 - 1))
def test_the_choice_is_that_of_the_first_rule_that_can_decide_and_always_eligible(strategy, subject, down, draw):
    reports = snapshots(**{name: {"breaker": BreakerState.OPEN} for name in down})
    request = RoutingRequest(
        amount_minor=subject.request.amount_minor,
        currency=subject.request.currency,
        method=subject.request.payment_method.type,
        payment=subject.request,
        at=subject.at,
    )
    eligible = set(NAMES) - down
    decision = route(reports, request, strategy=strategy, draw=draw)
    assert set(decision.order) == eligible
    wanted = slowly(strategy, request, subject, eligible)
    found, _ = strategy.deciding(request, eligible)
    assert found == wanted
    if wanted is not None:
        assert decision.order[0] in wanted.targets
        assert f"rule {wanted.name}" in decision.why
    assert replay(decision, request, strategy=RuleBased.model_validate_json(strategy.model_dump_json())) == decision


@given(st.lists(CONDITIONS, max_size=14), SUBJECTS)
def test_the_index_finds_what_asking_each_rule_finds(conditions, subject):
    # Each condition several times: only fields that several rules look at are indexed.
    entries = [(condition, number) for number, condition in enumerate(conditions * 3)]
    asked_each = [number for condition, number in entries if compile_condition(condition)(subject)]
    assert list(RuleIndex(entries).matching(subject)) == asked_each


# --- refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (rule("x"), "rules[0]: a rule has exactly one of gateway, gateways and weights; it has none of them"),
        (rule("x", None, "alpha", weights={"beta": 1}),
         "rules[0]: a rule has exactly one of gateway, gateways and weights; it has gateway and weights"),
        (rule("x", None, "alpha", gatways=["beta"]), "rules[0].gatways: is not known; did you mean gateways?"),
        (rule("x", None, weights={"alpha": -1}), "rules[0].weights.alpha: must be greater than or equal to 0 (got -1)"),
        (rule("x", None, weights={"alpha": float("nan")}), "rules[0].weights.alpha: must be a finite number (got nan)"),
        (rule("x", None, weights={"alpha": 0}),
         "rules[0].weights: give at least one gateway a weight of more than 0"),
        (rule("x", None, weights={}), "rules[0].weights: "),
        (rule("x", None, gateways=[]), "rules[0].gateways: "),
        (rule("x", None, gateways=["alpha", "alpha"]), "rules[0].gateways: name each gateway once"),
        (rule("x", None, "no spaces"), "rules[0].gateway: "),
        (rule("", None, "alpha"), "rules[0].name: "),
        (rule("a\nb", None, "alpha"), "rules[0].name: use printable characters"),
        (rule("x", None, "alpha", priority="high"), "rules[0].priority: "),
        (rule("x", None, "alpha", enabled="no"), "rules[0].enabled: "),
        (rule("x", compare("amount", "equals", [], currency="USD"), "alpha"), "rules[0].when.value: takes one amount"),
        ("large", "rules[0]: "),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused_with_its_place(given, said):
    with pytest.raises(ValidationError) as caught:
        RuleBased(rules=[given])
    (error,) = caught.value.errors
    assert str(error).startswith(said)


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(ValidationError) as caught:
        RuleBased(rules=[rule("x", None, "alpha"), rule("y", None, "beta"), rule("x", None, "beta")])
    assert [str(error) for error in caught.value.errors] == ["rules[2].name: is the name of rules[0] too (got 'x')"]


def test_the_number_of_rules_is_bounded():
    with pytest.raises(ValidationError, match="rules"):
        RuleBased(rules=[rule(f"r{number}", None, "alpha") for number in range(RULES_MAX + 1)])


def test_rules_are_a_strategy_that_a_setting_can_name():
    strategy = rules(rule("all", None, "alpha"), otherwise=RoutingStrategy.ROUND_ROBIN)
    assert strategy.otherwise.kind == "round_robin"
    with pytest.raises(ValidationError, match="otherwise"):
        RuleBased(rules=[rule("all", None, "alpha")], otherwise="cheapest")
