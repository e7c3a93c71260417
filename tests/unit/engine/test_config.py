"""Settings: what is refused, and that the defaults are what the documents say."""

from __future__ import annotations

import math

import pydantic
import pytest

from aegispay import AegisPayConfig, RetryPolicy, ValidationError
from aegispay.domain.breaker import BreakerPolicy


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"routing": "fastest"}, "routing"),
        ({"in_flight_max": 0}, "in_flight_max"),
        ({"shutdown_s": -1}, "shutdown_s"),
        ({"shutdown_s": math.inf}, "shutdown_s"),
        ({"answer_timeout_s": "soon"}, "answer_timeout_s"),
        ({"actor_idle_s": math.nan}, "actor_idle_s"),
        ({"check_delays_s": ()}, "check_delays_s"),
        ({"check_delays_s": (1, 0)}, "check_delays_s"),
        ({"retry": {"attempts_max": 0}}, "attempts_max"),
        ({"breaker": {"failures_max": 0}}, "failures_max"),
        ({"breaker": {"open_s": -1}}, "open_s"),
        ({"breaker": {"probes_max": 0}}, "probes_max"),
        ({"health_weights": {"success": -1}}, "health_weights"),
        ({"no_such_setting": 1}, "no_such_setting"),
        ({"breaker": {"no_such_setting": 1}}, "no_such_setting"),
    ],
    ids=repr,
)
def test_a_wrong_setting_is_named(settings, named):
    with pytest.raises((pydantic.ValidationError, ValidationError), match=named):
        AegisPayConfig(**settings)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AegisPayConfig(breaker=BreakerPolicy(failures_max=0)),
        lambda: AegisPayConfig(breaker=BreakerPolicy(open_s=math.nan)),
        lambda: AegisPayConfig(retry=RetryPolicy(attempts_max=0)),
    ],
    ids=["failures_max", "open_s", "attempts_max"],
)
def test_a_wrong_policy_object_is_refused_too(make):
    with pytest.raises((ValueError, ValidationError), match=r"failures_max|open_s|attempts_max"):
        make()


def test_the_defaults_are_the_documented_ones():
    config = AegisPayConfig()
    assert (config.breaker.failures_max, config.breaker.open_s, config.breaker.successes_to_close) == (5, 60.0, 2)
    assert config.retry.attempts_max == 3
    assert config.payment_expiry_s == 7 * 86_400
    assert config.check_delays_s == (1, 2, 5, 10, 30, 60, 300, 900, 3600)
    assert config.recoveries_max == 5


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        AegisPayConfig().shutdown_s = 1.0


def test_every_setting_is_explained():
    text = AegisPayConfig.__doc__ or ""
    explained = {line.strip().partition(":")[0] for line in text.splitlines()}
    assert set(AegisPayConfig.model_fields) - explained == set()
