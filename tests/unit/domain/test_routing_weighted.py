"""Weighted routing: shares by lot, and who comes when a gateway with a weight cannot."""

import pytest

from aegispay.domain.breaker import BreakerState
from aegispay.domain.routing import route
from aegispay.domain.routing.weighted import Weighted
from aegispay.errors import ValidationError
from tests.unit.domain.routing_snapshots import firsts, gateway, priced, proven, request

SPLIT = Weighted(weights={"alpha": 70, "beta": 30})


def test_one_draw_decides_and_another_draw_may_decide_otherwise():
    snapshots = [gateway("alpha"), gateway("beta")]
    decisions = [route(snapshots, request(), strategy=SPLIT, draw=5) for _ in range(2)]
    assert decisions[0] == decisions[1]
    assert decisions[0].draw == 5
    assert set(firsts(SPLIT, snapshots, count=50)) == {"alpha", "beta"}


def test_gateways_without_a_weight_follow_as_the_other_strategy_ranks_them():
    snapshots = [gateway("unheard"), proven("worse", 0.5), proven("better", 0.99), gateway("alpha")]
    decision = route(snapshots, request(), strategy=Weighted(weights={"alpha": 1, "better": 0}))
    assert decision.order == ("alpha", "better", "unheard", "worse")


def test_a_gateway_with_weight_0_is_a_fallback_only():
    split = Weighted(weights={"alpha": 1, "beta": 0})
    assert set(firsts(split, [gateway("alpha"), gateway("beta")], count=200)) == {"alpha"}
    assert firsts(split, [gateway("alpha", is_enabled=False), gateway("beta")], count=1) == ["beta"]


def test_where_no_gateway_with_a_weight_can_take_it_the_other_strategy_decides_and_says_so():
    decision = route([proven("gamma", 0.9), proven("delta", 0.99)], request(), strategy=SPLIT)
    assert decision.order == ("delta", "gamma")
    assert decision.draw is None
    assert decision.why == "none with a weight can take it; highest success rate"


def test_a_half_open_gateway_gets_no_share_until_it_is_closed():
    snapshots = [gateway("alpha", breaker=BreakerState.HALF_OPEN), gateway("beta")]
    assert set(firsts(SPLIT, snapshots, count=100)) == {"beta"}


def test_the_order_behind_the_first_is_drawn_by_weight_too():
    split = Weighted(weights={"a": 1_000, "b": 100, "c": 1})
    snapshots = [gateway(name) for name in "cba"]
    orders = [route(snapshots, request(), strategy=split, draw=n).order for n in range(300)]
    assert sum(order == ("a", "b", "c") for order in orders) > 200
    assert len(set(orders)) > 1


def test_the_other_strategys_turn_and_draw_are_kept_in_the_record():
    nested = Weighted(weights={"alpha": 1}, otherwise="round_robin")
    decision = route([gateway("alpha"), gateway("b"), gateway("c")], request(), strategy=nested, turn=1, draw=9)
    assert (decision.turn, decision.draw) == (1, 9)
    assert decision.order == ("alpha", "b", "c")


def test_the_reason_names_the_weight_that_was_drawn():
    decision = route([gateway("alpha"), gateway("gamma")], request(), strategy=SPLIT, draw=1)
    assert decision.explain().startswith("alpha by weighted (alpha drawn with 70 of 70): ")


def test_a_hooks_wish_goes_before_the_lot():
    wish = request(preferred=("gamma",), preferred_by="vip")
    decision = route([gateway("alpha"), gateway("beta"), priced("gamma")], wish, strategy=SPLIT)
    assert decision.order[0] == "gamma"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"alpha": -1}, r"weights\.alpha: must be greater than or equal to 0 \(got -1\)"),
        ({"alpha": 0, "beta": 0.0}, "give at least one gateway a weight of more than 0"),
        ({"alpha": float("nan")}, r"weights\.alpha: must be a finite number"),
        ({"alpha": float("inf")}, r"weights\.alpha: must be"),
        ({"alpha": True}, r"weights\.alpha: must be a valid number"),
        ({"alpha": "70"}, r"weights\.alpha: must be a valid number"),
        ({"Alpha": 1}, r"weights\.Alpha: use 1 to 64 of a-z"),
        ({}, "weights: use at least 1 item"),
        ({f"g{n}": 1 for n in range(201)}, "weights: use at most 200 items"),
        (None, "weights: must be a mapping"),
    ],
)
def test_weights_that_make_no_sense_are_refused_by_name(weights, said):
    with pytest.raises(ValidationError, match=said):
        Weighted(weights=weights)
