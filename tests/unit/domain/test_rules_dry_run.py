"""New rules over old decisions: what moves, what stays, and what the record cannot tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.routing import GatewaySnapshot, RoutingRequest, RoutingStrategy, draw_of, route
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.routing.rules_dry_run import DryRun, PastChoice, begin, judge
from tests import builders as b

LARGE = {"field": "amount", "operator": "at_least", "value": "1000.00", "currency": "USD"}


def choice(
    number: int,
    *,
    strategy: Any = RoutingStrategy.HIGHEST_SUCCESS_RATE,
    names_strategy: bool = False,
    probing: bool = False,
    had_calls: bool = True,
    **changes: Any,
) -> PastChoice:
    asked = b.request(**changes)
    request = RoutingRequest(
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        method=asked.payment_method.type,
        payment=asked,
        at=b.NOW,
    )
    reports = [
        GatewaySnapshot(name="alpha", contract=GatewayContract(), samples=100, success_rate=0.9, latency_p50_s=0.2),
        GatewaySnapshot(
            name="beta",
            contract=GatewayContract(),
            samples=100,
            success_rate=0.8,
            latency_p50_s=0.1,
            wants_probe=probing,
        ),
    ]
    if not had_calls:
        priced = GatewayContract(fees=(Fee(fixed_minor=30),))
        reports = [replace(each, contract=priced, samples=0, success_rate=None, latency_p50_s=None) for each in reports]
    payment_id = f"pay_{number}"
    decision = route(reports, request, strategy=strategy, draw=draw_of(payment_id, 1))
    return PastChoice(
        payment_id=payment_id,
        request=request,
        decision=decision,
        gateway=decision.order[0],
        names_strategy=names_strategy,
    )


def run(choices: list[PastChoice], *rules: dict[str, Any], otherwise: Any = "highest_success_rate") -> DryRun:
    strategy = RuleBased(rules=rules, otherwise=otherwise)
    found = begin(strategy)
    for each in choices:
        judge(each, strategy, found)
    return found


TO_BETA = {"name": "large", "when": LARGE, "gateway": "beta"}


def test_it_counts_payments_and_money_that_would_move_by_which_rule():
    choices = [
        choice(1, amount="1000.00"),
        choice(2, amount="2500.50"),
        choice(3, amount="999.99"),
        choice(4, amount="5000.00", currency="EUR"),
    ]
    found = run(choices, TO_BETA)
    (flow,) = found.flows.values()
    assert list(found.flows) == [("alpha", "beta")]
    assert (flow.payments, dict(flow.amounts_minor), dict(flow.reasons)) == (2, {"USD": 350_050}, {"rule large": 2})
    assert flow.examples == ["pay_1", "pay_2"]
    assert (found.payments, found.unchanged, found.by_rule) == (4, 2, {"large": 2})


def test_the_same_rules_move_nothing():
    strategy = RuleBased(rules=[TO_BETA, {"name": "split", "weights": {"alpha": 1, "beta": 1}}])
    choices = [choice(number, strategy=strategy, amount=f"{number * 100}.00") for number in range(1, 31)]
    found = begin(strategy)
    for each in choices:
        judge(each, strategy, found)
    assert (found.unchanged, found.flows) == (30, {})
    assert found.by_rule == {"large": 21, "split": 9}


def test_weights_draw_as_the_attempt_would_have_drawn():
    split = RuleBased(rules=[{"name": "split", "weights": {"alpha": 1, "beta": 1}}])
    choices = [choice(number) for number in range(40)]
    found = begin(split)
    for each in choices:
        judge(each, split, found)
    real = [choice(number, strategy=split).decision.order[0] for number in range(40)]
    assert 5 < real.count("beta") < 35
    assert found.flows["alpha", "beta"].payments == real.count("beta")


def test_a_gateway_that_was_not_eligible_then_takes_nothing_now():
    found = run([choice(1, gateway=None)], {"name": "x", "gateway": "gamma"})
    assert (found.unchanged, found.by_rule) == (1, {"x": 0})


def test_a_payment_that_named_its_strategy_is_not_touched():
    found = run([choice(1, amount="2000.00", names_strategy=True)], TO_BETA)
    assert (found.payments, found.untouched, found.flows) == (1, 1, {})


def test_a_probe_goes_where_it_went():
    found = run([choice(1, probing=True)], {"name": "x", "gateway": "alpha"})
    assert (found.unchanged, found.flows) == (1, {})


def test_otherwise_decides_where_the_record_has_its_numbers():
    record = [choice(1, strategy=RoutingStrategy.LOWEST_LATENCY)]
    found = run(record, otherwise="highest_success_rate")
    assert list(found.flows) == [("beta", "alpha")]
    assert dict(found.flows["beta", "alpha"].reasons) == {"otherwise, highest success rate": 1}


def test_where_the_record_lacks_the_numbers_of_otherwise_it_says_so():
    assert run([choice(1)], otherwise="lowest_latency").undecided == 1
    assert run([choice(1)], otherwise="cost_optimised").undecided == 1
    assert run([choice(1)], otherwise="round_robin").undecided == 1
    assert run([choice(1, amount="2000.00")], TO_BETA, otherwise="lowest_latency").undecided == 0


def test_a_record_from_before_the_first_call_lacks_no_numbers_of_calls():
    record = choice(1, strategy=RuleBased(rules=[TO_BETA], otherwise="multi_objective"), had_calls=False)
    found = run([record], TO_BETA, otherwise={"kind": "multi_objective", "margin": 0.5})
    assert (found.undecided, found.unchanged) == (0, 1)
    assert run([choice(1, had_calls=False)], otherwise="cost_optimised").undecided == 1
    assert run([choice(1, strategy="round_robin", had_calls=False)], otherwise="lowest_latency").undecided == 1


def test_gateways_that_rules_name_and_no_record_does_are_named():
    rules = [
        {"name": "a", "gateways": ["gamma", "beta", "delta"]},
        {"name": "b", "weights": {"delta": 1, "unused": 0}},
        {"name": "c", "gateway": "off", "enabled": False},
    ]
    strategy = RuleBased(rules=rules)
    assert run([choice(1)], *rules).unheard_of(strategy) == ["gamma", "delta"]
    assert run([choice(1, names_strategy=True)], *rules).unheard_of(strategy) == ["gamma", "delta"]
    assert run([], *rules).unheard_of(strategy) == []


def test_a_record_without_any_gateway_is_counted_to_neither_side():
    empty = replace(choice(1), decision=replace(choice(1).decision, candidates=(), order=()))
    found = run([empty], {"name": "x", "gateway": "alpha"})
    assert (found.payments, found.undecided, found.by_rule) == (1, 1, {"x": 0})
