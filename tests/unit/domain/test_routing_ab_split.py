"""A/B splits: the same payer, the same arm, whatever else changes."""

import pytest

from aegispay.domain.routing import route
from aegispay.domain.routing.ab_split import AbSplit, Arm
from aegispay.domain.routing.cost import CostOptimised
from aegispay.domain.routing.round_robin import RoundRobin
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.errors import ValidationError
from tests.unit.domain.routing_snapshots import costing, gateway, proven, request

KEYS = [f"cust_{n}" for n in range(2_000)]


def split(experiment: str = "fees", **weights: float) -> AbSplit:
    strategies = {"control": HighestSuccessRate(), "cheap": CostOptimised(), "turns": RoundRobin()}
    arms = [Arm(name=name, weight=weight, strategy=strategies[name]) for name, weight in weights.items()]
    return AbSplit(experiment=experiment, arms=arms)


def arms_of(experiment: AbSplit) -> dict[str, str]:
    return {key: experiment.arm_of(key).name for key in KEYS}


def test_each_payer_is_ranked_by_the_arm_he_belongs_to():
    half = split(control=1, cheap=1)
    snapshots = [proven("good", 0.99, contract=costing(300)), proven("cheap", 0.9, contract=costing(10))]
    for key, arm in list(arms_of(half).items())[:50]:
        decision = route(snapshots, request(sticky_key=key), strategy=half)
        assert decision.order[0] == {"control": "good", "cheap": "cheap"}[arm]


def test_the_arm_is_the_same_for_every_attempt_draw_and_turn():
    half = split(control=1, cheap=1)
    for key in KEYS[:20]:
        whys = {
            route([gateway("a"), gateway("b")], request(sticky_key=key), strategy=half, turn=n, draw=n).why
            for n in range(20)
        }
        assert whys == {f"fees, arm {half.arm_of(key).name}: {half.arm_of(key).strategy.title()}"}


def test_a_changed_weight_moves_payers_only_to_the_arm_that_grows():
    before, after = arms_of(split(control=80, cheap=20)), arms_of(split(control=80, cheap=40))
    moved = {key: (before[key], after[key]) for key in KEYS if before[key] != after[key]}
    assert set(moved.values()) == {("control", "cheap")}


def test_a_new_arm_takes_payers_from_the_others_and_moves_nobody_between_them():
    before, after = arms_of(split(control=1, cheap=1)), arms_of(split(control=1, cheap=1, turns=1))
    assert {after[key] for key in KEYS if before[key] != after[key]} == {"turns"}


def test_the_order_of_the_arms_does_not_matter():
    assert arms_of(split(control=1, cheap=3)) == arms_of(split(cheap=3, control=1))


def test_two_experiments_deal_the_payers_independently():
    first, second = arms_of(split("one", control=1, cheap=1)), arms_of(split("two", control=1, cheap=1))
    same = sum(first[key] == second[key] for key in KEYS)
    assert 900 < same < 1_100


def test_an_arm_with_weight_0_gets_nobody():
    assert set(arms_of(split(control=1, cheap=0)).values()) == {"control"}


def test_the_record_says_experiment_arm_and_strategy():
    decision = route([gateway("alpha")], request(sticky_key="x"), strategy=split(control=1, cheap=0))
    assert decision.explain() == "alpha by A/B split (fees, arm control: highest success rate): alpha scored 0.9"


def test_the_payers_key_stands_nowhere_in_the_record():
    decision = route([gateway("alpha")], request(sticky_key="cust_4711"), strategy=split(control=1, cheap=1))
    assert "4711" not in repr(decision)


ARM = {"name": "a", "strategy": "round_robin"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"arms": [ARM]}, "arms: use at least 2 items"),
        ({"arms": [ARM, ARM]}, "give every arm another name"),
        (
            {"arms": [ARM | {"weight": 0}, {**ARM, "name": "b", "weight": 0}]},
            "at least one arm a weight of more than 0",
        ),
        (
            {"arms": [ARM | {"weight": -1}, ARM | {"name": "b"}]},
            r"arms\[0\]\.weight: must be greater than or equal to 0",
        ),
        ({"arms": [ARM, {"name": "b", "strategy": "magic"}]}, r"arms\[1\]\.strategy: the strategy is not known"),
        ({"arms": [ARM, {"name": "4111111111111111", "strategy": "thompson"}]}, r"arms\[1\]\.name: looks like a card"),
        ({"arms": [ARM | {"name": f"a{n}"} for n in range(21)]}, "arms: use at most 20 items"),
        ({"arms": [ARM, ARM | {"name": "b"}], "experiment": "two words"}, "experiment: use 1 to 64 of a-z"),
    ],
)
def test_experiments_that_make_no_sense_are_refused_by_name(settings, said):
    with pytest.raises(ValidationError, match=said) as refused:
        AbSplit(**{"experiment": "fees", **settings})
    assert "4111111111111111" not in str(refused.value)
