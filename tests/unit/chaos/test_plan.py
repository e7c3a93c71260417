from __future__ import annotations

import json

import pydantic
import pytest

from aegispay.chaos import (
    PRESETS,
    ChaosPlan,
    ClockJump,
    Delay,
    GatewayError,
    GatewayLatency,
    GatewayTimeout,
    MessageDrop,
    Window,
    preset,
)
from aegispay.errors import ConfigurationError


def nested(levels):
    plan = ChaosPlan()
    for _ in range(levels - 1):
        plan = ChaosPlan(plans=(plan,))
    return plan


def test_a_plan_goes_through_json_unchanged():
    plan = ChaosPlan(name="outer", faults=(GatewayError(rate=0.5),), plans=tuple(preset(name) for name in PRESETS))
    assert ChaosPlan.model_validate_json(plan.model_dump_json()) == plan


def test_a_plan_of_plans_names_each_fault_by_its_place_and_ends_none_later_than_itself():
    inner = ChaosPlan(faults=(GatewayError(), GatewayTimeout()), duration_s=30)
    long = ChaosPlan(faults=(GatewayError(),), plans=(inner,), duration_s=500)
    plan = ChaosPlan(faults=(GatewayError(),), plans=(inner, long), duration_s=100)
    assert [(place, until_s) for place, _, until_s in plan.placed()] == [
        ("0", 100.0), ("1.0", 30.0), ("1.1", 30.0), ("2.0", 100.0), ("2.1.0", 30.0), ("2.1.1", 30.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"kind": "gateway_error", "rate": 1.5}, "less than or equal to 1"),
        ({"kind": "gateway_error", "rate": float("nan")}, "finite"),
        ({"kind": "gateway_error", "rate": 0.5, "every": 3}, "either a rate or every"),
        ({"kind": "gateway_error", "every": 0}, "greater than or equal to 1"),
        ({"kind": "gateway_error", "operations": ["steal"]}, "charge"),
        ({"kind": "gateway_error", "rat": 0.5}, "Extra inputs"),
        ({"kind": "gateway_latency", "delay": {"shortest_s": 2, "longest_s": 1}}, "larger than longest_s"),
        ({"kind": "gateway_wrong_amount", "by_minor": 0}, "not wrong"),
        ({"kind": "clock_jump", "by_s": 5, "every": 2}, "neither rate"),
        ({"kind": "clock_jump", "by_s": 1e12}, "less than or equal"),
        ({"kind": "message_drop", "message": "SubmitPayment"}, "Wake"),
        ({"kind": "no_such_fault"}, "does not match any of the expected tags"),
        ({"kind": "gateway_error", "window": {"start_s": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(given, complaint):
    with pytest.raises(pydantic.ValidationError, match=complaint):
        ChaosPlan.model_validate({"faults": [given]})


def test_a_plan_has_limits_in_size_depth_time_and_number():
    with pytest.raises(pydantic.ValidationError, match="at most 200"):
        ChaosPlan(plans=tuple(ChaosPlan(faults=(GatewayError(),) * 101) for _ in range(2)))
    assert nested(8).depth() == 8
    with pytest.raises(pydantic.ValidationError, match="8 deep"):
        nested(9)
    with pytest.raises(pydantic.ValidationError):
        ChaosPlan(duration_s=86_401)
    with pytest.raises(pydantic.ValidationError):
        ChaosPlan(injections_max=1_000_001)


def test_a_plan_cannot_be_changed():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        preset("apocalypse").name = "mild"


def test_there_are_eight_presets_and_another_name_is_refused_with_theirs():
    assert PRESETS == (
        "gateway_timeout", "intermittent_failures", "latency_spike", "service_unavailable",
        "rate_limited", "cascading_failure", "resource_exhaustion", "apocalypse",
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="gateway_timeout, intermittent_failures"):
        preset("armageddon")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("gateway_timeout", {"gateway_timeout"}),
        ("intermittent_failures", {"gateway_error"}),
        ("latency_spike", {"gateway_latency"}),
        ("service_unavailable", {"gateway_unavailable"}),
        ("rate_limited", {"gateway_rate_limit"}),
        ("cascading_failure", {"gateway_error"}),
        ("resource_exhaustion", {"gateway_latency", "gateway_exhaustion"}),
    ],
)
def test_a_preset_does_what_its_name_says_and_nothing_else(name, kinds):
    assert {fault.kind for fault in preset(name).faults} == kinds


def test_faults_compare_by_value_so_that_a_plan_can_be_logged_and_compared():
    fault = GatewayLatency(delay=Delay(longest_s=1.0), window=Window(start_s=1, duration_s=2))
    assert fault == GatewayLatency(delay=Delay(longest_s=1.0), window=Window(start_s=1, duration_s=2))
    assert json.loads(fault.model_dump_json())["window"] == {"start_s": 1.0, "duration_s": 2.0}
    assert ClockJump(by_s=1) != ClockJump(by_s=2)
    assert MessageDrop(message="Wake").message == "Wake"
