"""Hazards of routing: newcomers taken for perfect, gateways that may not be picked, shares that drift."""

from __future__ import annotations

from collections import Counter

import pytest

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.routing import RoutingStrategy, Strategy, route, strategy_of
from aegispay.domain.routing.ab_split import AbSplit
from aegispay.domain.routing.geographic import Geographic
from aegispay.domain.routing.multi_objective import MultiObjective
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.domain.routing.thompson import Thompson
from aegispay.domain.routing.weighted import Weighted
from tests.hazards.chi_square import chance, survival
from tests.unit.domain.routing_snapshots import costing, firsts, gateway, judged, priced, request, request_from

UNLIKELY = 1e-6
"""An honest split fails one of its tests here once in a million; the seeds are fixed, so it either does or does not."""
SEEDS = range(10)

# --- F6: cold start -------------------------------------------------------------------------------------

LEARNING = {
    "thompson": Thompson(),
    "thompson, approvals only": Thompson(maximise="approvals"),
    "multi objective": MultiObjective(),
    "highest success rate": HighestSuccessRate(newcomers=Newcomers()),
}
NEW = {"0 samples": gateway("new"), "9 of 9 approved": judged("new", 9, 0, samples=9)}


@pytest.mark.parametrize("known", NEW)
@pytest.mark.parametrize("kind", LEARNING)
def test_f6_a_newcomers_share_is_what_was_set_however_perfect_it_looks(kind, known):
    counts = Counter(firsts(LEARNING[kind], [judged("old", 600, 400), NEW[known]], count=4_000))
    assert chance(counts, {"old": 95, "new": 5}) > UNLIKELY


@pytest.mark.parametrize("kind", LEARNING)
def test_f6_several_newcomers_share_the_one_share(kind):
    snapshots = [judged("old", 600, 400), *(gateway(f"new_{n}") for n in range(5))]
    counts = Counter(name[:3] for name in firsts(LEARNING[kind], snapshots, count=4_000))
    assert chance(counts, {"old": 95, "new": 5}) > UNLIKELY


@pytest.mark.parametrize("kind", LEARNING)
def test_f6_after_enough_samples_a_gateway_gets_what_it_deserves(kind):
    known = judged("new", 30, 0, samples=100)
    counts = Counter(firsts(LEARNING[kind], [judged("old", 600, 400, success_rate=0.9), known], count=500))
    assert counts["new"] > 450


@pytest.mark.parametrize("rate", [0.9, 0.99])
def test_f6_without_a_share_for_newcomers_they_rank_by_an_assumed_rate_and_not_as_perfect(rate):
    plain = HighestSuccessRate()
    scores = route([gateway("new")], request(), strategy=plain).candidates[0].score
    assert scores == 0.9
    old = judged("old", 900, 100, success_rate=rate)
    assert firsts(plain, [old, gateway("new")], count=1) == ["old"]


# --- F8: only eligible gateways -------------------------------------------------------------------------

NESTED = {
    "weighted": Weighted(weights={"bad": 1}),
    "geographic": Geographic(gateways={"EU": ["bad"]}),
    "ab_split": AbSplit(
        experiment="x",
        arms=[
            {"name": "a", "strategy": {"kind": "weighted", "weights": {"bad": 9}}},
            {"name": "b", "strategy": "thompson"},
        ],
    ),
    "rule_based": RuleBased(rules=[{"name": "all", "gateway": "bad"}]),
    "rule in region in weights": Weighted(
        weights={"bad": 1},
        otherwise=Geographic(gateways={"DE": ["bad"]}, otherwise=RuleBased(rules=[{"name": "all", "gateway": "bad"}])),
    ),
}
EVERY: dict[str, Strategy] = {str(name): strategy_of(name) for name in RoutingStrategy} | NESTED

FLAWS = {
    "disabled": {"is_enabled": False},
    "breaker open": {"breaker": BreakerState.OPEN},
    "other currency": {"contract": GatewayContract(currencies=frozenset({"EUR"}))},
    "other method": {"contract": GatewayContract(methods=frozenset({PaymentMethodType.UPI}))},
    "no authorization": {"contract": GatewayContract(capture=CaptureSupport.NONE)},
}


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("kind", EVERY)
def test_f8_a_gateway_that_may_not_take_the_payment_is_never_picked_not_even_as_the_last(kind, flaw):
    bad = judged("bad", 9_999, 1, wants_probe=True, health=1.0, **FLAWS[flaw])
    wish = request_from("DE", needs_authorization=True, preferred=("bad",), preferred_by="hook", sticky_key="k")
    decision = route([bad, judged("good", 1, 99)], wish, strategy=EVERY[kind], draw=3)
    assert decision.order == ("good",)
    assert route([bad], wish, strategy=EVERY[kind], draw=3).order == ()


@pytest.mark.parametrize("kind", EVERY)
def test_f8_a_gateway_that_was_tried_is_not_tried_again_and_a_forced_one_is_the_only_one(kind):
    snapshots = [judged("bad", 900, 100), judged("good", 900, 100)]
    tried = request_from("DE", excluded=frozenset({"bad"}))
    assert route(snapshots, tried, strategy=EVERY[kind]).order == ("good",)
    assert route(snapshots, request_from("DE", forced="good"), strategy=EVERY[kind]).order == ("good",)


def test_f8_a_free_looking_gateway_is_not_picked_for_want_of_a_price():
    snapshots = [
        priced("unpriced"),
        gateway("euros", contract=costing(1, currency="EUR")),
        gateway("dear", contract=costing(900)),
    ]
    assert firsts(RoutingStrategy.COST_OPTIMISED, snapshots, count=1) == ["dear"]


# --- F9: volume splits ----------------------------------------------------------------------------------

SHARES = {"alpha": 70, "beta": 20, "gamma": 10}
SPLIT = Weighted(weights=SHARES)
THREE = [gateway(name) for name in SHARES]


@pytest.mark.parametrize(
    ("distance", "freedom", "p"),
    [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (7.814728, 3, 0.05), (11.0705, 5, 0.05), (23.20925, 10, 0.01)],
)
def test_f9_the_bound_is_the_one_in_the_tables(distance, freedom, p):
    assert survival(distance, freedom) == pytest.approx(p, rel=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_f9_the_weights_are_kept_for_every_seed(seed):
    counts = Counter(firsts(SPLIT, THREE, count=3_000, salt=f"seed {seed}"))
    assert chance(counts, SHARES) > UNLIKELY


def all_seeds(strategy: Strategy) -> Counter[str]:
    return Counter(name for seed in SEEDS for name in firsts(strategy, THREE, count=3_000, salt=f"seed {seed}"))


def test_f9_all_seeds_together_keep_the_weights():
    assert chance(all_seeds(SPLIT), SHARES) > UNLIKELY


def test_f9_a_split_that_drifts_by_two_points_is_seen():
    drifted = Weighted(weights={"alpha": 72, "beta": 19, "gamma": 9})
    assert chance(all_seeds(drifted), SHARES) < UNLIKELY


def test_f9_what_one_gateway_cannot_take_goes_to_the_others_in_proportion():
    snapshots = [gateway("alpha", is_enabled=False), *THREE[1:]]
    counts = Counter(firsts(SPLIT, snapshots, count=6_000))
    assert chance(counts, {"beta": 20, "gamma": 10}) > UNLIKELY


def test_f9_the_order_of_registration_and_other_gateways_do_not_move_a_share():
    snapshots = [gateway("delta"), *reversed(THREE)]
    assert chance(Counter(firsts(SPLIT, snapshots, count=6_000)), SHARES) > UNLIKELY


@pytest.mark.parametrize("seed", SEEDS)
def test_f9_the_arms_of_an_experiment_get_their_part_of_the_payers(seed):
    arms = [{"name": name, "weight": share, "strategy": "round_robin"} for name, share in SHARES.items()]
    experiment = AbSplit(experiment=f"seed-{seed}", arms=arms)
    counts = Counter(experiment.arm_of(f"cust_{n}").name for n in range(3_000))
    assert chance(counts, SHARES) > UNLIKELY


def test_f9_a_split_by_weight_inside_an_arm_is_independent_of_the_arm():
    inner = {"kind": "weighted", "weights": SHARES}
    arms = [{"name": "a", "strategy": inner}, {"name": "b", "strategy": "round_robin"}]
    experiment = AbSplit(experiment="x", arms=arms)
    keys = [key for n in range(6_000) if experiment.arm_of(key := f"cust_{n}").name == "a"]
    counts = Counter(firsts(experiment, THREE, count=1, salt=key, sticky_key=key)[0] for key in keys)
    assert chance(counts, SHARES) > UNLIKELY
