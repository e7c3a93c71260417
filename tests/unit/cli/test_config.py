"""`aegispay config`: every setting with its value, where that comes from, and why its default is what it is."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aegispay import AegisPayConfig
from aegispay.cli.app import app
from aegispay.cli.config import as_written, markdown_table, unit_of
from aegispay.cli.gateways import make_gateway, read_gateways, secret_variables
from aegispay.cli.rows import UsageError
from aegispay.data_files import parse_data
from aegispay.domain.setting_tree import leaves
from aegispay.gateways.ledger import MemoryLedger
from aegispay.gateways.sandbox import SandboxGateway
from tests.checkout import ROOT, needs_checkout


def run(*arguments, **environ):
    return CliRunner().invoke(app, ["config", *arguments], env={"COLUMNS": "200", **environ})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "aegispay.yaml"
    path.write_text("routing: round_robin\nretry:\n  attempts_max: 2\n", encoding="utf-8")
    return str(path)


def test_show_names_every_setting_with_its_origin_and_reason(file):
    lines = run("show", file, AEGISPAY_SHUTDOWN_S="4").output.splitlines()

    assert f"retry.attempts_max = 2   ({file}:3)" in lines
    assert "shutdown_s = 4.0   (AEGISPAY_SHUTDOWN_S; needs a restart)" in lines
    assert "actors_max = 200000   (default; needs a restart)" in lines
    assert lines[lines.index("actors_max = 200000   (default; needs a restart)") + 1].startswith(
        "    payment actors in"
    )
    assert len(lines) == 2 * len(list(leaves(AegisPayConfig)))


def test_show_can_be_limited_to_what_was_set(file):
    shown = run("show", file, "--set").output.splitlines()

    assert [line.partition(" = ")[0] for line in shown if not line.startswith("    ")] == [
        "routing", "retry.attempts_max",
    ]  # fmt: skip


def test_show_writes_json_lines(file):
    shown = [json.loads(line) for line in run("show", file, "--json").output.splitlines()]

    assert {each["name"]: each["origin"] for each in shown}["routing"] == f"{file}:1"
    assert {each["name"]: each["changes_at_run_time"] for each in shown}["shutdown_s"] is False


def test_a_mapping_set_in_part_names_where_its_part_was_set():
    shown = run("show", "--set", AEGISPAY_LIMITS__ALPHA__RATE_PER_S="4").output

    assert "(AEGISPAY_LIMITS__ALPHA__RATE_PER_S)" in shown


def test_check_says_that_a_file_can_be_used(file):
    done = run("check", file)

    assert (done.exit_code, done.output) == (0, f"{file}: sets 2 settings, all of them usable\n")


def test_check_names_the_variables_that_it_does_not_look_at(file):
    done = run("check", file, AEGISPAY_ROUTNG="not asked", AEGISPAY_ALLOW_CHAOS="1")

    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [
            f"{file}: sets 2 settings, all of them usable",
            "not looked at without --environment: AEGISPAY_ROUTNG",
        ],
    )


def test_check_takes_the_environment_in_when_it_is_told_to(file):
    good = run("check", file, "--environment", AEGISPAY_SHUTDOWN_S="4")
    bad = run("check", file, "--environment", AEGISPAY_ROUTNG="x")

    assert (good.exit_code, good.output) == (0, f"{file}: sets 3 settings, all of them usable\n")
    assert (bad.exit_code, bad.output.splitlines()[0]) == (
        2,
        "aegispay: AEGISPAY_ROUTNG: routng: is not known; did you mean routing?",
    )


def test_check_lists_gateways_that_there_are_not(tmp_path):
    path = tmp_path / "typo.yaml"
    path.write_text(
        "limits: {alfa: {rate_per_s: 1}, beta: {rate_per_s: 1}}\nrouting: cost_optimised\n", encoding="utf-8"
    )

    wrong = run("check", str(path), "--gateways", "alpha,beta")
    right = run("check", str(path), "--gateways", "alfa,beta")

    assert (wrong.exit_code, wrong.output.splitlines()) == (
        1,
        [
            "limits.alfa: no gateway is called alfa; did you mean alpha?",
            f"{path}: sets 2 settings, 1 unknown gateway",
        ],
    )
    assert (right.exit_code, right.output) == (0, f"{path}: sets 2 settings, all of them usable\n")


def test_every_problem_has_a_line_of_its_own(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "retry:\n  rules:\n    - action: fail\n      reason: insuficient_funds\n"
        "    - action: fail\n      attempts_max: 0\nroutng: x\n",
        encoding="utf-8",
    )

    meant = "is not known; did you mean insufficient_funds? (got 'insuficient_funds')"
    assert run("check", str(path)).output.splitlines()[:3] == [
        f"aegispay: {path}:4: retry.rules[0].reason: {meant}",
        f"aegispay: {path}:6: retry.rules[1].attempts_max: use a whole number, 1 or more (got 0)",
        f"aegispay: {path}:7: routng: is not known; did you mean routing?",
    ]


def test_more_problems_than_anybody_mends_at_once_are_counted(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("".join(f"x{number}: 1\n" for number in range(103)), encoding="utf-8")

    lines = run("check", str(path)).output.splitlines()

    assert (len(lines), lines[100]) == (102, "aegispay: and 3 more")


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_wrong_file_is_refused_with_line_path_value_and_way_out(tmp_path, command):
    path = tmp_path / "wrong.yaml"
    path.write_text("retry:\n  attempts_max: zero\nroutng: x\n", encoding="utf-8")

    done = run(command, str(path))

    assert done.exit_code == 2
    assert f"aegispay: {path}:2: retry.attempts_max: must be a valid integer" in done.output
    assert "(got 'zero')" in done.output
    assert f"{path}:3: routng: is not known; did you mean routing?" in done.output
    assert "docs/configuration.md" in done.output


def test_a_wrong_variable_is_refused():
    done = run("show", AEGISPAY_ROUTNG="round_robin")

    assert (done.exit_code, "AEGISPAY_ROUTNG: routng: is not known; did you mean routing?" in done.output) == (2, True)


def test_what_is_shown_can_be_written_in_a_file():
    settings = {place: as_written(setting.default) for place, setting in leaves(AegisPayConfig)}
    lines = [f"{place[0]}: {text}" for place, text in settings.items() if len(place) == 1]

    config = AegisPayConfig(**parse_data("\n".join(lines), form="YAML", name="shown").data)

    assert config == AegisPayConfig()


@needs_checkout
def test_the_table_of_the_document_is_what_the_settings_are():
    document = (ROOT / "docs/configuration.md").read_text(encoding="utf-8").splitlines()
    start = document.index("## Every setting")

    table = [line for line in document[start:] if line.startswith("|")]

    assert table == list(markdown_table()), "write the output of `aegispay config table` into docs/configuration.md"


@pytest.mark.parametrize(
    ("name", "unit"),
    [("shutdown_s", "s"), ("limits_default.rate_per_s", "1/s"), ("retry.attempts_max", ""), ("x.share", "0 to 1")],
)
def test_the_name_says_the_unit(name, unit):
    assert unit_of(name) == unit


# --- gateways over HTTP in the file of gateways -----------------------------------------------------

SANDBOX = """
gateway:
  - name: alpha
    kind: sandbox
    url: http://127.0.0.1:8901
    api_key: env:ALPHA_KEY
    timeout_s: 4
  - name: beta
"""


def gateways(tmp_path, text):
    path = tmp_path / "gateways.yaml"
    path.write_text(text, encoding="utf-8")
    return read_gateways(str(path))


def test_a_sandbox_and_a_simulated_gateway_stand_in_one_file(tmp_path):
    entries = gateways(tmp_path, SANDBOX)

    made = [make_gateway(entry, MemoryLedger(), {"ALPHA_KEY": "sk_sandbox_hidden"}) for entry in entries]

    assert [type(each).__name__ for each in made] == ["SandboxGateway", "SimulatedGateway"]
    assert isinstance(made[0], SandboxGateway)
    assert made[0].contract.timeout_s == 4
    assert secret_variables(entries) == {"ALPHA_KEY"}


def test_a_secret_is_never_shown(tmp_path):
    (entry, _) = gateways(tmp_path, SANDBOX.replace("env:ALPHA_KEY", "sk_sandbox_hidden"))

    assert "hidden" not in f"{entry!r} {entry} {entry.model_dump_json()}"
    assert "hidden" not in repr(make_gateway(entry, MemoryLedger()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: sandbox\n    url: x\n    api_kye: sk_sandbox_hidden", r"gateway 1, api_k.*: is"),
        (
            "kind: sandbox\n    api_key: {a: sk_sandbox_hidden}\n    url: x",
            "gateway 1, api_key: must be a valid string",
        ),
        ("kind: sandbox\n    api_key: sk_sandbox_hidden", "gateway 1, url: is missing"),
        ("kind: stripe\n    api_key: sk_sandbox_hidden", "gateway 1, kind: use simulated or sandbox"),
    ],
)
def test_a_wrong_sandbox_is_named_without_its_secret(tmp_path, text, message):
    with pytest.raises(UsageError, match=message) as raised:
        gateways(tmp_path, f"gateway:\n  - name: alpha\n    {text}\n")

    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "environ", "message"),
    [
        ({}, {}, "gateway 'alpha', api_key: the variable ALPHA_KEY is not set"),
        ({"http://127.0.0.1:8901": "ftp://x"}, {"ALPHA_KEY": "sk_sandbox_hidden"}, "gateway 'alpha': "),
        ({}, {"ALPHA_KEY": "hidden\n"}, "gateway 'alpha': "),
    ],
)
def test_a_sandbox_that_cannot_be_made_is_a_wrong_command(tmp_path, change, environ, message):
    text = SANDBOX
    for old, new in change.items():
        text = text.replace(old, new)
    entry = gateways(tmp_path, text)[0]

    with pytest.raises(UsageError, match=message) as raised:
        make_gateway(entry, MemoryLedger(), environ)

    assert "hidden" not in str(raised.value)
