"""Gateways that the settings name and that nobody has: each is found wherever it stands, with the nearest one."""

from __future__ import annotations

import pytest

from aegispay import AegisPayConfig

KNOWN = ("alpha", "beta")
WEIGHTED = {"kind": "weighted", "weights": {"alpha": 1, "betta": 0}}


def rules(**target):
    return {"kind": "rule_based", "rules": [{"name": "one", **target}]}


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"limits": {"betta": {}}}, "limits.betta"),
        ({"retry": {"budget": {"gateways": {"betta": 0.1}}}}, "retry.budget.gateways.betta"),
        ({"retry": {"rules": [{"action": "fail", "gateway": "betta"}]}}, "retry.rules[0].gateway"),
        ({"routing": WEIGHTED}, "routing.weights.betta"),
        ({"strategies": {"mine": WEIGHTED}}, "strategies.mine.weights.betta"),
        ({"routing": {"kind": "geographic", "gateways": {"GB": ["alpha", "betta"]}}}, "routing.gateways.GB[1]"),
        ({"routing": rules(gateway="betta")}, "routing.rules[0].gateway"),
        ({"routing": rules(gateways=["betta"])}, "routing.rules[0].gateways[0]"),
        ({"routing": rules(weights={"alpha": 1, "betta": 0})}, "routing.rules[0].weights.betta"),
        ({"routing": rules(gateway="alpha") | {"otherwise": WEIGHTED}}, "routing.otherwise.weights.betta"),
        (
            {
                "routing": {
                    "kind": "ab_split",
                    "experiment": "e",
                    "arms": [{"name": "a", "strategy": "thompson"}, {"name": "b", "strategy": WEIGHTED}],
                }
            },
            "routing.arms[1].strategy.weights.betta",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_gateway_that_nobody_has_is_found_wherever_it_is_named(settings, place):
    assert AegisPayConfig(**settings).unknown_gateways(KNOWN) == (
        f"{place}: no gateway is called betta; did you mean beta?",
    )


def test_one_name_in_several_places_is_one_sentence():
    config = AegisPayConfig(limits={"zeta": {}}, routing={"kind": "weighted", "weights": {"zeta": 1}})

    assert config.unknown_gateways(("visa_direct",)) == (
        "routing.weights.zeta and 1 more: no gateway is called zeta; there are visa_direct",
    )


def test_only_the_settings_that_are_asked_for_are_looked_at():
    config = AegisPayConfig(limits={"zeta": {}}, routing=WEIGHTED)

    assert [each.partition(":")[0] for each in config.unknown_gateways(KNOWN, settings={"limits"})] == ["limits.zeta"]


def test_nothing_is_said_of_gateways_that_there_are():
    assert AegisPayConfig(limits={"beta": {}}, routing=rules(gateway="alpha")).unknown_gateways(KNOWN) == ()
