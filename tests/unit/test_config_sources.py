"""Settings from a file, the environment and Python: who overrules whom, and where a wrong one stands."""

from __future__ import annotations

import pytest

from aegispay import AegisPayConfig
from aegispay.config_sources import gather
from aegispay.errors import ConfigurationError

YAML = """\
routing: cost_optimised
retry:
  attempts_max: 5
shutdown_s: 9
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "aegispay.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


def refusal(*sources, **more):
    with pytest.raises(ConfigurationError) as raised:
        AegisPayConfig.load(*sources, **({"environ": {}} | more))
    return raised.value


def test_without_any_source_there_are_the_defaults():
    assert AegisPayConfig.load(environ={}) == AegisPayConfig()


def test_python_overrules_the_environment_which_overrules_the_file(file):
    environ = {"AEGISPAY_ROUTING": "lowest_latency", "AEGISPAY_SHUTDOWN_S": "8"}

    config = AegisPayConfig.load(file, environ=environ, overrides={"shutdown_s": 7})

    assert config.retry.attempts_max == 5
    assert config.routing.kind == "lowest_latency"
    assert config.shutdown_s == 7.0


def test_a_variable_adds_to_a_section_of_the_file(file):
    config = AegisPayConfig.load(file, environ={"AEGISPAY_RETRY__FAILOVER_ON_SOFT_DECLINE": "false"})

    assert (config.retry.attempts_max, config.retry.failover_on_soft_decline) == (5, False)


def test_a_mapping_with_a_kind_takes_the_place_of_the_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"routing": {"kind": "weighted", "weights": {"alpha": 1}}}', encoding="utf-8")

    assert (
        AegisPayConfig.load(path, environ={"AEGISPAY_ROUTING": '{"kind": "round_robin"}'}).routing.kind == "round_robin"
    )


def test_lists_and_mappings_are_json_in_a_variable():
    environ = {"AEGISPAY_CHECK_DELAYS_S": "[1, 2.5]", "AEGISPAY_LIMITS": '{"alpha": {"rate_per_s": 4}}'}

    config = AegisPayConfig.load(environ=environ)

    assert config.check_delays_s == (1.0, 2.5)
    assert config.limits["alpha"].rate_per_s == 4.0


def test_a_variable_reaches_into_a_mapping_by_name():
    config = AegisPayConfig.load(environ={"AEGISPAY_LIMITS__ALPHA__RATE_PER_S": "4"})

    assert config.limits["alpha"].rate_per_s == 4.0


def test_other_variables_are_left_alone():
    environ = {"PATH": "/bin", "AEGISPAY_ALLOW_CHAOS": "1", "aegispay_routing": "x"}

    assert AegisPayConfig.load(environ=environ) == AegisPayConfig()


def test_the_environment_of_the_process_is_read_unless_another_is_given(monkeypatch):
    monkeypatch.setenv("AEGISPAY_SHUTDOWN_S", "3")

    assert AegisPayConfig.load().shutdown_s == 3.0
    assert AegisPayConfig.load(environ={}).shutdown_s == 30.0
    assert AegisPayConfig().shutdown_s == 30.0


def test_a_wrong_value_is_named_with_file_and_line(file):
    file.write_text(YAML.replace("5", "none"), encoding="utf-8")

    (error,) = refusal(file).errors

    assert (error.origin, error.field, error.value) == (f"{file}:3", "retry.attempts_max", "'none'")


def test_a_wrong_variable_is_named_with_the_nearest_setting():
    error = refusal(environ={"AEGISPAY_ROUTNG": "round_robin"})

    assert str(error) == "AEGISPAY_ROUTNG: routng: is not known; did you mean routing?"


def test_errors_of_all_sources_come_together(file):
    file.write_text("shutdown_s: 0\n", encoding="utf-8")

    error = refusal(file, environ={"AEGISPAY_ACTORS_MAX": "0"}, overrides={"actor_idle_s": 0})

    assert {each.field: each.origin for each in error.errors} == {
        "actors_max": "AEGISPAY_ACTORS_MAX", "actor_idle_s": "", "shutdown_s": f"{file}:1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"), [("[1, 2", "begins like JSON, and is none"), ("[" * 70_000, "is longer than 65,536")]
)
def test_a_variable_that_cannot_be_read_is_named(text, message):
    error = refusal(environ={"AEGISPAY_CHECK_DELAYS_S": text})

    assert error.errors[0].field == "AEGISPAY_CHECK_DELAYS_S"
    assert message in str(error)


def test_a_file_that_holds_no_mapping_is_refused(file):
    file.write_text("- 1\n", encoding="utf-8")

    assert "must hold a mapping of settings by name" in str(refusal(file))


def test_an_empty_file_sets_nothing(file):
    file.write_text("# nothing yet\n", encoding="utf-8")

    assert AegisPayConfig.load(file, environ={}) == AegisPayConfig()


def test_the_source_of_every_value_is_known(file):
    gathered = gather(file, environ={"AEGISPAY_RETRY__DEADLINE_S": "60"}, overrides={"shutdown_s": 7})

    assert gathered.source(("retry", "attempts_max")) == f"{file}:3"
    assert gathered.source(("retry", "deadline_s")) == "AEGISPAY_RETRY__DEADLINE_S"
    assert gathered.source(("shutdown_s",)) == "Python"
    assert gathered.source(("actors_max",)) == ""


def test_what_python_passes_is_not_changed_by_a_variable():
    given = {"attempts_max": 4}

    AegisPayConfig.load(environ={"AEGISPAY_RETRY__ATTEMPTS_MAX": "2"}, overrides={"retry": given})

    assert given == {"attempts_max": 4}
