"""Wrong settings: each is named with its path, its value and the way out, always in AegisPay's own error."""

from __future__ import annotations

import pytest

from aegispay import AegisPayConfig, BreakerPolicy, RetryPolicy
from aegispay.config import RUN_TIME
from aegispay.domain.setting_tree import MISSING, is_secret, leaves, names_at
from aegispay.domain.settings_errors import nearest
from aegispay.errors import ConfigurationError, ValidationError
from aegispay.fields import ConfigurationChanges


def refusal(**settings):
    with pytest.raises(ConfigurationError) as raised:
        AegisPayConfig(**settings)
    return str(raised.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"routng": "x"}, "routng: is not known; did you mean routing?"),
        ({"retry": {"attempt_max": 2}}, "retry.attempt_max: is not known; did you mean attempts_max?"),
        ({"retry": {"attempts_max": 0}}, "retry.attempts_max: use a whole number"),
        ({"routing": "cost_optimized"}, "did you mean cost_optimised?"),
        ({"routing": {"kind": "weighted", "weight": {"a": 1}}}, "routing.weight: is not known; did you mean weights?"),
        ({"strategies": {"fast": {"kind": "round_robin", "x": 1}}}, "strategies.fast.x: is not known; there are kind"),
        ({"limits": {"alpha": {"rate_per_s": -5}}}, "limits.alpha.rate_per_s: use more than 0"),
        ({"limits": {"alpha": {"rate_s": 5}}}, "limits.alpha.rate_s: is not known; did you mean rate_per_s?"),
        ({"actors_max": True}, "actors_max: must be a number (got True)"),
        ({"shutdown_s": "soon"}, "shutdown_s: must be a valid number"),
        ({"check_delays_s": [1, 0]}, "check_delays_s[1]: must be greater than 0 (got 0)"),
        ({"breaker": 5}, "breaker: must be a mapping (got 5)"),
        ({"limits": 5}, "limits: must be a mapping (got 5)"),
        ({"retry": {"rules": 5}}, "retry.rules: must be a list (got 5)"),
        ({"routing": {"kind": "rule_based", "rules": [5]}}, "routing.rules[0]: must be a mapping (got 5)"),
        ({"check_delays_s": []}, "check_delays_s: use at least 1 item (got [])"),
        ({"strategies": {"thompson": "round_robin"}}, "strategies.thompson: use another name: a built-in"),
        ({"strategies": {"weighted": "round_robin"}}, "strategies.weighted: use another name: a built-in"),
        ({"strategies": {"": "thompson"}}, "strategies.'': use 1 to 64 of a-z, 0-9, _ and -"),
        ({"strategies": {"a b": "thompson"}}, "strategies.a b: use 1 to 64 of a-z, 0-9, _ and -"),
        ({"strategies": {"4111111111111111": "thompson"}}, "strategies.[removed]: must not hold a card number"),
        ({"limits": {"Alpha": {}}}, "limits.Alpha: use 1 to 64 of a-z, 0-9, _ and -"),
        ({"retry": {"budget": {"gateways": {"Bad Name": 0.1}}}}, "retry.budget.gateways: a gateway's name is 1 to 64"),
        ({"retry": {"rules": [{"action": "fial"}]}}, "retry.rules[0].action: is not known; did you mean fail?"),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_a_wrong_setting_is_named_with_the_way_out(settings, message):
    assert message in refusal(**settings)


def test_the_path_of_a_section_in_a_section_names_each_of_them_once():
    budget = {"share": 3, "gateways": {"alpha": 4}}
    with pytest.raises(ConfigurationError) as raised:
        AegisPayConfig(retry={"backoff": {"base_s": 100, "cap_s": 10}, "budget": budget, "rules": [{"action": "fail"}]})

    assert [error.field for error in raised.value.errors] == [
        "retry.backoff.cap_s", "retry.budget.share", "retry.budget.gateways.alpha",
    ]  # fmt: skip


def test_every_wrong_setting_is_named_not_only_the_first():
    text = refusal(routng="x", breaker={"window_s": -1, "failures_max": 0}, shutdown_s=0)

    assert [part.partition(":")[0] for part in text.split("; ") if ":" in part] == [
        "breaker.failures_max", "breaker.window_s", "shutdown_s", "routng",
    ]  # fmt: skip


def test_it_is_a_validation_error_that_says_where_settings_are_described():
    with pytest.raises(ValidationError) as raised:
        AegisPayConfig.model_validate({"no_such_setting": 1})

    assert "docs/configuration.md" in raised.value.hint


def test_a_value_of_an_unknown_setting_is_not_repeated():
    assert "sk_live_1" not in refusal(api_kye="sk_live_1")


def test_a_card_number_is_masked_wherever_it_stands():
    text = refusal(shutdown_s="4111111111111111", x4111111111111111=1)

    assert "4111111111111111" not in text


def test_a_wrong_policy_object_is_refused_as_such():
    with pytest.raises(ValidationError, match=r"retry.attempts_max"):
        AegisPayConfig(retry=RetryPolicy(attempts_max=0))


def test_objects_names_and_mappings_mean_the_same():
    assert AegisPayConfig(breaker={"open_s": 5}) == AegisPayConfig(breaker=BreakerPolicy(open_s=5))
    assert AegisPayConfig(routing="round_robin") == AegisPayConfig(routing={"kind": "round_robin"})


def test_every_setting_has_a_reason():
    assert [".".join(map(str, place)) for place, setting in leaves(AegisPayConfig) if not setting.reason] == []


def test_every_setting_has_a_default():
    assert [place for place, setting in leaves(AegisPayConfig) if setting.default is MISSING] == []


def test_what_changes_at_run_time_is_what_configure_takes():
    assert set(RUN_TIME) == set(ConfigurationChanges.__annotations__)
    assert set(RUN_TIME) < set(AegisPayConfig.model_fields)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ROUTNG", "is not known; did you mean routing?"),
        ("x", "is not known; there are routing, retry"),
    ],
)
def test_the_nearest_name_is_offered_or_all_of_them(name, said):
    assert nearest(name, ["routing", "retry"]) == said


def test_the_names_of_a_strategy_are_those_of_its_kind():
    given = {"routing": {"kind": "weighted", "x": 1}}

    assert set(names_at(AegisPayConfig, ("routing",), given)) == {"kind", "weights", "otherwise"}


def test_no_engine_setting_is_a_secret():
    assert not any(is_secret(AegisPayConfig, place, {}) for place, _ in leaves(AegisPayConfig))
