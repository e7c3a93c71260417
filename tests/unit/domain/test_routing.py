"""Which gateway next: who is eligible, how each strategy ranks, and what the record says."""

import math
from collections import Counter

import pytest

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.routing import (
    Candidate,
    GatewaySnapshot,
    RankContext,
    Ranking,
    RoutingDecision,
    RoutingStrategy,
    Strategy,
    route,
    why_not_eligible,
)
from aegispay.domain.routing.multi_objective import MultiObjective
from aegispay.domain.routing.round_robin import RoundRobin
from aegispay.domain.routing.weighted import Weighted
from aegispay.errors import ValidationError
from tests.unit.domain.routing_snapshots import CARD, gateway, priced, proven, request

SUCCESS, LATENCY = RoutingStrategy.HIGHEST_SUCCESS_RATE, RoutingStrategy.LOWEST_LATENCY
COST, ROUND_ROBIN = RoutingStrategy.COST_OPTIMISED, RoutingStrategy.ROUND_ROBIN
PRICED = {"contract": GatewayContract(fees=(Fee(fixed_minor=30, basis_points=29),))}


def order(strategy: RoutingStrategy, *snapshots: GatewaySnapshot, turn: int = 0, **changes) -> tuple[str, ...]:
    return route(snapshots, request(**changes), strategy=strategy, turn=turn).order


# --- eligibility ----------------------------------------------------------------------------------------

INELIGIBLE = {
    "the request asks for beta": (gateway("alpha"), request(forced="beta")),
    "the retry waits for beta": (gateway("alpha"), request(forced="beta", is_forced_by_retry=True)),
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


def test_round_robin_does_not_give_the_turns_of_a_half_open_gateway_to_its_neighbour():
    snapshots = gateway("a", breaker=BreakerState.HALF_OPEN), gateway("b"), gateway("c")
    firsts = [order(ROUND_ROBIN, *snapshots, turn=turn)[0] for turn in range(100)]
    assert Counter(firsts) == {"b": 50, "c": 50}
    assert order(ROUND_ROBIN, *snapshots)[-1] == "a"


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
def test_the_scores_on_record_give_the_order_on_record_where_the_strategy_names_no_other_reason(strategy):
    fees = {"contract": GatewayContract(fees=(Fee(basis_points=10),))}
    snapshots = (
        proven("alpha", 0.8, **fees),
        gateway("beta"),
        proven("gamma", 0.9, **fees),
        proven("delta", 0.1, **fees),
    )
    decision = route(snapshots, request(excluded=frozenset({"beta"})), strategy=strategy, turn=7)
    assert decision.why == ""
    scored = [candidate for candidate in decision.candidates if candidate.score is not None]
    replayed = tuple(each.gateway for each in sorted(scored, key=lambda each: -(each.score or 0)))
    assert replayed == decision.order
    assert {each.gateway for each in decision.candidates} == {"alpha", "beta", "gamma", "delta"}


def test_only_what_a_strategy_used_is_kept_turn_or_draw():
    used = {}
    for strategy in RoutingStrategy:
        decision = route([gateway("a")], request(), strategy=strategy, turn=5, draw=6)
        used[strategy] = decision.turn, decision.draw
    thompson = RoutingStrategy.THOMPSON
    assert used == dict.fromkeys(RoutingStrategy, (None, None)) | {ROUND_ROBIN: (5, None), thompson: (None, 6)}


def test_the_record_says_at_length_where_each_gateway_ranks_and_with_which_numbers():
    snapshots = [
        proven("alpha", 0.931, samples=120, latency_p50_s=0.21, approvals=84.0, declines=6.0, **PRICED),
        gateway("beta", is_enabled=False),
        gateway("gamma", breaker=BreakerState.HALF_OPEN, health=0.5),
    ]
    strategy = MultiObjective(weights={"value": 1, "latency": 1, "health": 0})
    assert route(snapshots, request(), strategy=strategy, draw=99).sentences() == [
        "alpha by multi objective (those with fewer than 30 samples wait); draw 99",
        (
            "1. alpha: score 0.8813 = value 0.4288 + latency 0.4525 (success rate 93.1% of 120 calls, "
            "approved 93.3% of 90 charges, median 0.21 s, costs 59 minor units, health 1.00)"
        ),
        (
            "2. gamma: score 0.7136 = value 0.3802 + latency 0.3333 (no calls yet, no charge judged yet, "
            "health 0.50, half open, behind all others)"
        ),
        "beta: not eligible, disabled by an operator",
    ]


def test_a_fact_without_words_of_its_own_is_shown_by_its_name():
    decision = RoutingDecision(
        strategy="of_tomorrow",
        order=("alpha",),
        candidates=(Candidate(gateway="alpha", facts={"days_since_audit": 3.0}),),
        turn=4,
    )
    assert decision.sentences() == ["alpha by of tomorrow; turn 4", "1. alpha: no score (days since audit 3)"]


def test_a_hooks_wish_is_said_with_its_name_and_never_passes_the_filter():
    wish = request(preferred=("beta", "gamma"), preferred_by="vip", excluded=frozenset({"beta"}))
    decision = route([gateway("alpha"), gateway("beta"), gateway("gamma")], wish, strategy=SUCCESS)
    assert decision.order == ("gamma", "alpha")
    assert decision.preferred == ("gamma",)
    assert decision.explain().startswith("gamma by hook vip: ")


def test_each_purpose_draws_from_a_source_of_its_own_and_each_time_the_same():
    context = RankContext(request(), turn=0, draw=5)
    drawn = [context.source(purpose).random() for purpose in ("gateway_1", "gateway_2", "gateway_1", "")]
    assert drawn[0] == drawn[2]
    assert len(set(drawn)) == 3
    assert RankContext(request(), turn=1, draw=6).source("gateway_1").random() != drawn[0]


class Rogue(Strategy):
    kind: str = "rogue"

    def facts(self, snapshot, request):
        return {}

    def rank(self, facts, context):
        return Ranking({"closed": 9.0, "b": math.nan, "a": math.inf, "c": 1.0}, first=("closed", "nobody", "d"))


def test_whatever_a_strategy_answers_only_eligible_gateways_are_ordered_by_numbers_that_can_be_ordered():
    snapshots = [gateway(name) for name in "abcd"] + [gateway("closed", breaker=BreakerState.OPEN)]
    decision = route(snapshots, request(), strategy=Rogue())
    assert decision.order == ("d", "c", "a", "b")
    assert [each.score for each in decision.candidates] == [None, None, 1.0, None, None]


def test_a_strategy_of_ones_own_is_no_setting_because_it_could_not_be_read_again():
    with pytest.raises(ValidationError, match="otherwise: use a built-in strategy"):
        Weighted(weights={"a": 1}, otherwise=Rogue())


def test_strategies_inside_strategies_are_limited():
    inner: Strategy = RoundRobin()
    for _ in range(4):
        inner = Weighted(weights={"a": 1}, otherwise=inner)
    with pytest.raises(ValidationError, match="at most 5 levels of strategies"):
        Weighted(weights={"a": 1}, otherwise=inner)


def nested_data(levels: int) -> dict:
    data = {"kind": "weighted", "weights": {"a": 1}}
    for _ in range(levels):
        data = data | {"otherwise": data}
    return data


def test_data_nested_without_end_is_refused_and_not_followed():
    endless = nested_data(1)
    endless["otherwise"]["otherwise"] = endless
    for given in (nested_data(1_000), endless):
        with pytest.raises(ValidationError, match="fewer levels"):
            Weighted(weights={"a": 1}, otherwise=given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("round_robbin", "otherwise: the strategy is not known; did you mean round_robin?"),
        ({"weights": {}}, "otherwise: name a strategy, or give a mapping with the kind of one"),
        (5, "otherwise: name a strategy"),
        (None, "otherwise: name a strategy"),
        ("weighted", r"otherwise\.weights: is missing"),
        ({"kind": "weighted", "weights": {"b": -1}}, r"otherwise\.weights\.b: must be greater than or equal to 0"),
    ],
)
def test_a_nested_strategy_that_is_none_is_refused_with_its_path(given, said):
    with pytest.raises(ValidationError, match=said):
        Weighted(weights={"a": 1}, otherwise=given)


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_the_same_reports_give_the_same_decision(strategy):
    snapshots = [proven("alpha", 0.8), gateway("beta")]
    decisions: list[RoutingDecision] = [route(snapshots, request(), strategy=strategy, turn=3) for _ in range(2)]
    assert decisions[0] == decisions[1]
