"""Strategies that weigh several numbers: multi-objective, the bandit, and what a payment is worth."""

from collections import Counter

import pytest

from aegispay.domain.breaker import BreakerState
from aegispay.domain.routing import route
from aegispay.domain.routing.cost import CostOptimised
from aegispay.domain.routing.multi_objective import MultiObjective, ObjectiveWeights
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.domain.routing.thompson import Thompson
from aegispay.domain.routing.value import assumed_costs_minor, expected_value
from aegispay.errors import ValidationError
from tests.unit.domain.routing_snapshots import costing, firsts, gateway, judged, proven, request

VALUE_ONLY = MultiObjective(weights={"value": 1, "latency": 0, "health": 0})


def order(strategy, *snapshots, **changes):
    return route(snapshots, request(**changes), strategy=strategy, draw=11).order


# --- what a payment is worth ----------------------------------------------------------------------------


def test_the_expected_value_is_the_rate_times_what_is_left_of_the_amount():
    assert expected_value(0.9, 300, 10_000) == pytest.approx(0.9 * 0.97)
    assert expected_value(0.9, 300, 10_000, margin=0.2) == pytest.approx(0.9 * 0.17)


@pytest.mark.parametrize("cost", [0, 50, 99, 100, 101, 1_000])
def test_a_higher_rate_and_a_lower_cost_are_always_worth_more(cost):
    assert expected_value(0.95, cost, 100) >= expected_value(0.90, cost, 100)
    assert expected_value(0.90, cost, 100) > expected_value(0.90, cost + 1, 100)


def test_a_gateway_without_a_price_counts_as_the_dearest():
    facts = {"cheap": {"cost_minor": 10.0}, "dear": {"cost_minor": 90.0}, "unpriced": {}}
    assert assumed_costs_minor(facts) == {"cheap": 10.0, "dear": 90.0, "unpriced": 90.0}


@pytest.mark.parametrize("weights", [{"value": 1}, {"value": 0, "cost": 1}])
def test_134_a_gateway_without_a_price_never_wins_by_being_free(weights):
    strategy = MultiObjective(weights=weights | {"latency": 0, "health": 0})
    unpriced = judged("unpriced", 900, 100)
    euros = judged("euros", 900, 100, contract=costing(1, currency="EUR"))
    dollars = judged("dollars", 900, 100, contract=costing(290, fixed_minor=30))
    cheap = judged("cheap", 900, 100, contract=costing(90))
    assert order(strategy, unpriced, euros, dollars, cheap)[0] == "cheap"


# --- multi-objective ------------------------------------------------------------------------------------


def test_the_better_rate_wins_until_it_costs_more_than_it_brings():
    better, cheaper = judged("better", 9_300, 700), judged("cheaper", 9_000, 1_000)
    for extra_basis_points, first in ((300, "better"), (350, "cheaper")):
        priced = [
            judged("better", better.approvals, better.declines, contract=costing(extra_basis_points)),
            judged("cheaper", cheaper.approvals, cheaper.declines, contract=costing(0)),
        ]
        assert order(VALUE_ONLY, *priced)[0] == first


def test_with_a_small_margin_cost_weighs_more():
    dear, cheap = judged("dear", 950, 50, contract=costing(400)), judged("cheap", 900, 100, contract=costing(50))
    assert order(VALUE_ONLY, dear, cheap)[0] == "dear"
    assert order(MultiObjective(weights=VALUE_ONLY.weights, margin=0.2), dear, cheap)[0] == "cheap"


def test_faults_count_as_much_as_declines():
    brown_out = proven("brown_out", 0.7, approvals=990, declines=10)
    steady = proven("steady", 1.0, approvals=900, declines=100)
    assert order(VALUE_ONLY, brown_out, steady) == ("steady", "brown_out")


@pytest.mark.parametrize(
    ("aim", "best"),
    [("success", "approving"), ("latency", "fast"), ("cost", "cheap"), ("health", "healthy"), ("value", "approving")],
)
def test_each_weight_alone_decides_by_its_own_number(aim, best):
    none = dict.fromkeys(ObjectiveWeights.model_fields, 0)
    snapshots = [
        judged("plain", 900, 100, contract=costing(200), health=0.8, latency_p50_s=0.9),
        judged("approving", 990, 10, contract=costing(200), health=0.8, latency_p50_s=0.9),
        judged("fast", 900, 100, contract=costing(200), health=0.8, latency_p50_s=0.1),
        judged("cheap", 900, 100, contract=costing(100), health=0.8, latency_p50_s=0.9),
        judged("healthy", 900, 100, contract=costing(200), health=1.0, latency_p50_s=0.9),
    ]
    assert order(MultiObjective(weights=none | {aim: 1}), *snapshots)[0] == best


def test_the_score_is_the_sum_of_its_parts_and_at_most_1():
    snapshots = [judged("alpha", 900, 100, contract=costing(290)), proven("beta", 0.8), gateway("gamma")]
    weights = {"value": 3, "success": 2, "latency": 1, "cost": 1, "health": 1}
    for each in route(snapshots, request(), strategy=MultiObjective(weights=weights)).candidates:
        assert each.score == pytest.approx(sum(each.parts.values()))
        assert set(each.parts) == set(weights)
        assert each.score is not None
        assert 0 < each.score <= 1


def test_the_default_weights_let_a_slow_gateway_behind_one_that_is_worth_nearly_the_same():
    slow, fast = judged("slow", 901, 99, latency_p50_s=5.0), judged("fast", 900, 100, latency_p50_s=0.2)
    assert order(MultiObjective(), slow, fast) == ("fast", "slow")
    worth_it = judged("slow", 990, 10, latency_p50_s=5.0)
    assert order(MultiObjective(), fast, worth_it) == ("slow", "fast")


# --- the bandit -----------------------------------------------------------------------------------------


def test_129_the_bandit_sends_most_to_the_gateway_that_approves_most():
    found = Counter(firsts(Thompson(), [judged("a", 850, 150), judged("b", 930, 70), judged("c", 880, 120)], count=500))
    assert found["b"] > 480


def test_the_bandit_tries_what_is_uncertain_more_often_than_what_is_surely_worse():
    best = judged("best", 920, 80)
    unsure, surely_worse = judged("unsure", 36, 4), judged("surely_worse", 8_800, 1_200)
    assert Counter(firsts(Thompson(), [best, unsure], count=500))["unsure"] > 100
    assert Counter(firsts(Thompson(), [best, surely_worse], count=500))["surely_worse"] < 10


def test_a_brown_out_moves_the_bandit_although_the_issuers_decline_nobody():
    brown_out = proven("brown_out", 0.7, approvals=990, declines=10)
    assert set(firsts(Thompson(), [brown_out, judged("steady", 900, 100)], count=200)) == {"steady"}


def test_the_bandit_looks_at_the_money_unless_told_to_look_at_approvals_only():
    dear, cheap = judged("dear", 9_200, 800, contract=costing(400)), judged("cheap", 9_000, 1_000, contract=costing(50))
    assert Counter(firsts(Thompson(), [dear, cheap], count=200))["cheap"] > 190
    assert Counter(firsts(Thompson(maximise="approvals"), [dear, cheap], count=200))["dear"] > 190


def test_the_bandit_is_the_same_for_the_same_draw_and_says_what_it_drew():
    snapshots = [judged("alpha", 45, 5, contract=costing(300)), judged("beta", 45, 5)]
    one, two = (route(snapshots, request(), strategy=Thompson(), draw=7) for _ in range(2))
    assert one == two
    assert one.draw == 7
    drawn = one.candidates[0].parts
    assert one.candidates[0].score == pytest.approx(sum(drawn.values()))
    assert drawn["cost"] == pytest.approx(-0.03 * drawn["drawn_approval_rate"])


def test_the_bandit_draws_for_names_that_begin_alike_independently():
    twins = [judged("gateway_1", 45, 5), judged("gateway_2", 45, 5)]
    found = Counter(firsts(Thompson(), twins, count=1_000))
    assert 400 < found["gateway_1"] < 600


# --- newcomers and gateways that come back --------------------------------------------------------------

LEARNING = {
    "thompson": Thompson(),
    "multi_objective": MultiObjective(),
    "highest_success_rate": HighestSuccessRate(newcomers=Newcomers()),
}


@pytest.mark.parametrize("kind", LEARNING)
def test_132_a_new_gateway_gets_payments_however_good_the_others_are(kind):
    found = Counter(firsts(LEARNING[kind], [judged("old", 9_990, 10), gateway("new")], count=1_000))
    assert 25 < found["new"] < 90


@pytest.mark.parametrize("kind", LEARNING)
def test_where_all_gateways_are_new_none_has_to_wait(kind):
    decision = route([gateway("a"), gateway("b")], request(), strategy=LEARNING[kind])
    assert "wait" not in decision.why
    assert len(decision.order) == 2


def test_among_new_gateways_only_the_bandit_spreads_the_payments():
    found = Counter(firsts(Thompson(), [gateway("a"), gateway("b")], count=1_000))
    assert 400 < found["a"] < 600


def test_a_gateway_that_only_failed_is_no_newcomer():
    failing = proven("failing", 0.0, samples=100)
    assert Counter(firsts(Thompson(), [judged("good", 900, 100), failing], count=500))["failing"] == 0


def test_with_a_share_of_0_newcomers_come_only_when_there_is_nobody_else():
    never = Thompson(newcomers=Newcomers(share=0.0))
    assert set(firsts(never, [judged("old", 10, 90), gateway("new")], count=300)) == {"old"}
    assert firsts(never, [judged("old", 10, 90, is_enabled=False), gateway("new")], count=1) == ["new"]


def test_the_record_says_whether_newcomers_waited_or_had_their_turn():
    whys = {
        route([judged("old", 900, 100), gateway("new")], request(), strategy=MultiObjective(), draw=n).why
        for n in range(100)
    }
    assert whys == {"those with fewer than 30 samples wait", "a turn for those with fewer than 30 samples"}


ALL = [*LEARNING.values(), CostOptimised()]


@pytest.mark.parametrize("strategy", ALL, ids=lambda each: each.kind)
def test_132_a_half_open_gateway_waits_behind_closed_ones_and_is_first_as_a_probe(strategy):
    half_open = judged("back", 9_999, 1, breaker=BreakerState.HALF_OPEN, contract=costing(1))
    probing = judged("back", 9_999, 1, breaker=BreakerState.HALF_OPEN, contract=costing(1), wants_probe=True)
    bad = judged("bad", 50, 50, contract=costing(900))
    assert set(firsts(strategy, [half_open, bad], count=100)) == {"bad"}
    assert firsts(strategy, [probing, bad], count=1) == ["back"]


@pytest.mark.parametrize("strategy", ALL, ids=lambda each: each.kind)
def test_133_where_nobody_can_take_it_nobody_is_picked(strategy):
    down = [judged(name, 900, 100, breaker=BreakerState.OPEN) for name in ("a", "b")]
    decision = route(down, request(), strategy=strategy)
    assert decision.order == ()
    assert decision.explain() == "no eligible gateway: a dropped (breaker open); b dropped (breaker open)"


def test_least_cost_can_be_limited_to_gateways_that_work():
    broken, dear = proven("broken", 0.5, contract=costing(1)), proven("dear", 0.99, contract=costing(300))
    cheap = proven("cheap", 0.97, contract=costing(90))
    assert order(CostOptimised(), dear, broken, cheap) == ("broken", "cheap", "dear")
    limited = CostOptimised(success_rate_min=0.95)
    assert order(limited, dear, broken, cheap) == ("cheap", "dear", "broken")
    assert route([dear, broken], request(), strategy=limited).why == "among those that succeed at least 95% of the time"


@pytest.mark.parametrize(
    ("made", "settings", "said"),
    [
        (MultiObjective, {"weights": {"value": 0, "latency": 0, "health": 0}}, "weights: give at least one of the"),
        (MultiObjective, {"weights": {"latency": -0.1}}, r"weights\.latency: must be greater .* \(got -0.1\)"),
        (MultiObjective, {"weights": {"speed": 1}}, r"weights\.speed: is not known"),
        (MultiObjective, {"margin": 0}, r"margin: must be greater than 0 \(got 0\)"),
        (MultiObjective, {"margin": 1.1}, "margin: must be less than or equal to 1"),
        (Thompson, {"maximise": "luck"}, "maximise: must be 'value' or 'approvals'"),
        (Thompson, {"newcomers": {"share": 2}}, r"newcomers\.share: must be less than or equal to 1"),
        (Thompson, {"newcomers": {"samples": 0}}, r"newcomers\.samples: must be greater than or equal to 1"),
        (Thompson, {"newcomer": {}}, "newcomer: is not known; did you mean newcomers?"),
        (CostOptimised, {"success_rate_min": -0.5}, "success_rate_min: must be greater than or equal to 0"),
        (Newcomers, {"share": float("nan")}, "share: must be a finite number"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_by_name(made, settings, said):
    with pytest.raises(ValidationError, match=said) as refused:
        made(**settings)
    assert refused.value.hint == "Correct the settings; docs/routing.md lists those of each strategy."
