"""Which gateway next: who is eligible, how each strategy ranks, and what the record says."""

from collections import Counter

import pytest

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.routing import (
    GatewaySnapshot,
    RoutingDecision,
    RoutingRequest,
    RoutingStrategy,
    route,
    why_not_eligible,
)

CARD = PaymentMethodType.CARD
SUCCESS, LATENCY = RoutingStrategy.HIGHEST_SUCCESS_RATE, RoutingStrategy.LOWEST_LATENCY
COST, ROUND_ROBIN = RoutingStrategy.COST_OPTIMISED, RoutingStrategy.ROUND_ROBIN


def gateway(name: str, **changes) -> GatewaySnapshot:
    return GatewaySnapshot(**({"name": name, "contract": GatewayContract()} | changes))


def proven(name: str, rate: float, **changes) -> GatewaySnapshot:
    return gateway(name, success_rate=rate, samples=1_000, latency_p50_s=0.1, **changes)


def priced(name: str, *fees: Fee) -> GatewaySnapshot:
    return gateway(name, contract=GatewayContract(fees=fees))


def request(**changes) -> RoutingRequest:
    return RoutingRequest(**({"amount_minor": 10_000, "currency": "USD", "method": CARD} | changes))


def order(strategy: RoutingStrategy, *snapshots: GatewaySnapshot, turn: int = 0, **changes) -> tuple[str, ...]:
    return route(snapshots, request(**changes), strategy=strategy, turn=turn).order


# --- eligibility ----------------------------------------------------------------------------------------

INELIGIBLE = {
    "the request asks for beta": (gateway("alpha"), request(forced="beta")),
    "already tried": (gateway("alpha"), request(excluded=frozenset({"alpha"}))),
    "disabled by an operator": (gateway("alpha", is_enabled=False), request()),
    "does not take card": (
        gateway("alpha", contract=GatewayContract(methods=frozenset({PaymentMethodType.UPI}))), request()),
    "does not take USD": (gateway("alpha", contract=GatewayContract(currencies=frozenset({"EUR"}))), request()),
    "breaker open": (gateway("alpha", breaker=BreakerState.OPEN), request()),
}  # fmt: skip


@pytest.mark.parametrize("why", INELIGIBLE)
def test_each_reason_against_a_gateway_is_said(why):
    snapshot, wanted = INELIGIBLE[why]
    assert why_not_eligible(snapshot, wanted) == why


@pytest.mark.parametrize("why", INELIGIBLE)
@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_no_strategy_ever_picks_a_gateway_that_is_not_eligible(strategy, why):
    snapshot, wanted = INELIGIBLE[why]
    decision = route([snapshot, gateway("beta")], wanted, strategy=strategy)
    assert decision.order == ("beta",)
    assert decision.candidates[0].dropped == why
    assert decision.candidates[0].score is None


@pytest.mark.parametrize("breaker", [BreakerState.CLOSED, BreakerState.HALF_OPEN])
def test_a_gateway_that_can_take_the_payment_is_eligible(breaker):
    assert why_not_eligible(gateway("alpha", breaker=breaker), request(forced="alpha")) is None


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_when_nobody_is_eligible_nobody_is_picked(strategy):
    decision = route([gateway("alpha", is_enabled=False)], request(), strategy=strategy)
    assert decision.order == ()
    assert decision.explain() == "no eligible gateway: alpha dropped (disabled by an operator)"
    assert route([], request(), strategy=strategy).explain() == "no eligible gateway"


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_a_forced_gateway_is_the_only_one(strategy):
    assert order(strategy, gateway("alpha"), gateway("beta"), forced="beta") == ("beta",)
    assert order(strategy, gateway("alpha"), forced="unheard-of") == ()


# --- strategies -----------------------------------------------------------------------------------------


def test_the_highest_success_rate_comes_first():
    snapshots = proven("alpha", 0.80), proven("beta", 0.99), proven("gamma", 0.95)
    assert order(SUCCESS, *snapshots) == ("beta", "gamma", "alpha")


def test_the_success_rate_decides_even_when_the_better_gateway_is_slower_and_so_less_healthy():
    slow = gateway("slow", success_rate=0.99, samples=1_000, latency_p50_s=3.0, health=0.5)
    assert order(SUCCESS, proven("fast", 0.95), slow) == ("slow", "fast")


def test_an_unproven_gateway_ranks_between_the_good_and_the_bad():
    assert order(SUCCESS, proven("bad", 0.5), gateway("new"), proven("good", 0.99)) == ("good", "new", "bad")


@pytest.mark.parametrize(("rate", "samples"), [(0.0, 1), (1.0, 1)])
def test_a_single_call_moves_a_gateway_only_a_little(rate, samples):
    decision = route(
        [gateway("alpha", success_rate=rate, samples=samples), gateway("new")], request(), strategy=SUCCESS
    )
    assert decision.candidates[0].score == pytest.approx(0.9, abs=0.1)


def test_a_half_open_gateway_ranks_behind_a_closed_one():
    probing = proven("alpha", 0.99, breaker=BreakerState.HALF_OPEN)
    assert order(SUCCESS, probing, proven("beta", 0.6)) == ("beta", "alpha")


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_a_gateway_that_may_be_back_is_tried_first_once_and_the_record_says_so(strategy):
    snapshots = [gateway("alpha"), gateway("beta", breaker=BreakerState.HALF_OPEN, wants_probe=True)]
    decision = route(snapshots, request(), strategy=strategy)
    assert (decision.order, decision.probe) == (("beta", "alpha"), "beta")
    assert decision.explain().startswith("beta as a probe after its outage: ")


def test_a_gateway_that_may_be_back_is_not_tried_with_a_payment_it_cannot_take():
    snapshots = [gateway("alpha"), gateway("beta", wants_probe=True)]
    decision = route(snapshots, request(excluded=frozenset({"beta"})), strategy=SUCCESS)
    assert (decision.order, decision.probe) == (("alpha",), None)


def test_the_lowest_latency_comes_first():
    slow = gateway("slow", latency_p50_s=3.0, success_rate=1.0, samples=100)
    fast = gateway("fast", latency_p50_s=0.2, success_rate=1.0, samples=100)
    assert order(LATENCY, slow, gateway("new"), fast) == ("fast", "new", "slow")


def test_failing_fast_is_not_being_fast():
    failing = gateway("failing", latency_p50_s=0.01, success_rate=0.0, samples=1_000)
    assert order(LATENCY, failing, proven("working", 1.0)) == ("working", "failing")


def test_the_cheapest_comes_first_and_the_price_depends_on_the_amount():
    fixed = priced("fixed", Fee(fixed_minor=200))
    share = priced("share", Fee(basis_points=100))
    assert order(COST, fixed, share, amount_minor=10_000) == ("share", "fixed")
    assert order(COST, fixed, share, amount_minor=30_000) == ("fixed", "share")


def test_a_gateway_without_a_price_is_not_free():
    free = priced("free", Fee())
    assert order(COST, gateway("unpriced"), priced("dear", Fee(basis_points=9_999)), free) == (
        "free",
        "dear",
        "unpriced",
    )


def test_a_price_for_another_currency_is_no_price():
    euros = priced("euros", Fee(currency="EUR"))
    assert order(COST, euros, priced("dollars", Fee(currency="USD", fixed_minor=500))) == ("dollars", "euros")


def test_the_most_specific_fee_counts():
    contract = GatewayContract(
        fees=(
            Fee(fixed_minor=1),
            Fee(method=CARD, fixed_minor=2),
            Fee(currency="USD", fixed_minor=3),
            Fee(currency="USD", method=CARD, fixed_minor=4),
        )
    )
    upi = PaymentMethodType.UPI
    found = [contract.fee(currency, method) for currency in ("USD", "EUR") for method in (CARD, upi)]
    assert [fee and fee.fixed_minor for fee in found] == [4, 3, 2, 1]


def test_round_robin_gives_everybody_the_same_share_in_turn():
    snapshots = gateway("a"), gateway("b"), gateway("c")
    firsts = [order(ROUND_ROBIN, *snapshots, turn=turn)[0] for turn in range(300)]
    assert firsts[:4] == ["a", "b", "c", "a"]
    assert Counter(firsts) == {"a": 100, "b": 100, "c": 100}


def test_round_robin_goes_on_in_the_same_circle_after_the_first():
    snapshots = gateway("a"), gateway("b"), gateway("c")
    assert [order(ROUND_ROBIN, *snapshots, turn=turn) for turn in range(3)] == [
        ("a", "b", "c"),
        ("b", "c", "a"),
        ("c", "a", "b"),
    ]


def test_round_robin_is_fair_among_those_that_are_eligible():
    snapshots = gateway("a"), gateway("b", is_enabled=False), gateway("c")
    firsts = [order(ROUND_ROBIN, *snapshots, turn=turn)[0] for turn in range(100)]
    assert Counter(firsts) == {"a": 50, "c": 50}


@pytest.mark.parametrize("strategy", [SUCCESS, LATENCY, COST])
def test_ties_are_broken_by_registration(strategy):
    names = ["gamma", "alpha", "beta"]
    assert order(strategy, *map(gateway, names)) == tuple(names)


# --- the record -----------------------------------------------------------------------------------------


def test_the_record_says_in_words_why():
    snapshots = proven("alpha", 0.8), proven("beta", 0.99), gateway("gamma", breaker=BreakerState.OPEN)
    decision = route(snapshots, request(), strategy=SUCCESS)
    assert decision.explain() == (
        "beta by highest success rate: alpha scored 0.801; beta scored 0.9891; gamma dropped (breaker open)"
    )


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_the_scores_on_record_give_the_order_on_record(strategy):
    snapshots = proven("alpha", 0.8), gateway("beta"), priced("gamma", Fee(basis_points=10)), proven("delta", 0.1)
    decision = route(snapshots, request(excluded=frozenset({"beta"})), strategy=strategy, turn=7)
    scored = [candidate for candidate in decision.candidates if candidate.score is not None]
    replayed = tuple(each.gateway for each in sorted(scored, key=lambda each: -(each.score or 0)))
    assert replayed == decision.order
    assert {each.gateway for each in decision.candidates} == {"alpha", "beta", "gamma", "delta"}


def test_round_robin_records_its_turn_and_the_others_none():
    turns = {s: route([gateway("a")], request(), strategy=s, turn=5).turn for s in RoutingStrategy}
    assert turns == {SUCCESS: None, LATENCY: None, COST: None, ROUND_ROBIN: 5}


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_the_same_reports_give_the_same_decision(strategy):
    snapshots = [proven("alpha", 0.8), gateway("beta")]
    decisions: list[RoutingDecision] = [route(snapshots, request(), strategy=strategy, turn=3) for _ in range(2)]
    assert decisions[0] == decisions[1]
