"""The real command in a process of its own."""

from __future__ import annotations

import json

from aegispay.storage.verify import verify
from tests.checkout import ROOT
from tests.integration.command import aegispay


def test_a_preset_prints_a_report_that_a_person_can_read_and_exits_with_0(tmp_path):
    done = aegispay(tmp_path, "chaos", "--preset", "rate_limited", "--payments", "20", "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASSED: rate_limited, seed 7\n  20 clients, 20 have paid")
    assert "  ok      money is conserved (P1, P2, P5)\n" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_prints_the_same_bytes(tmp_path):
    given = ("chaos", "--preset", "gateway_timeout", "--payments", "20", "--seed", "3", "--json")
    first, second = aegispay(tmp_path, *given), aegispay(tmp_path, *given)
    assert first.stdout == second.stdout
    assert json.loads(first.stdout)["chaos"]["total"] > 0


def test_the_plan_among_the_examples_passes(tmp_path):
    plan = ROOT / "examples" / "chaos.yaml"
    done = aegispay(tmp_path, "chaos", "--plan", str(plan), "--payments", "60")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("PASSED: bad_afternoon, seed 7")


def test_what_is_wrong_with_a_plan_is_named_with_line_path_and_remedy(tmp_path):
    (tmp_path / "plan.yaml").write_text("faults:\n  - kind: gateway_error\n    wen: after\n  - kind: gateway_eror\n")
    done = aegispay(tmp_path, "chaos", "--plan", "plan.yaml")
    assert done.returncode == 2
    assert "plan.yaml:3: faults[0].wen: is not known; did you mean when?" in done.stderr
    assert "plan.yaml:4: faults[1]: 'gateway_eror' is not known; did you mean gateway_error?" in done.stderr


def test_neither_or_both_of_plan_and_preset_is_a_mistake(tmp_path):
    for given in ((), ("--preset", "rate_limited", "--plan", "plan.yaml")):
        done = aegispay(tmp_path, "chaos", *given)
        assert done.returncode == 2
        assert "name either --plan FILE or --preset" in done.stderr


def test_a_preset_that_does_not_exist_is_answered_with_those_that_do(tmp_path):
    done = aegispay(tmp_path, "chaos", "--preset", "armageddon")
    assert done.returncode == 2
    assert "apocalypse" in done.stderr


def test_a_database_that_exists_is_left_alone_unless_the_environment_allows_it(tmp_path, monkeypatch):
    (tmp_path / "plan.yaml").write_text("faults: [{kind: gateway_latency, delay: {longest_s: 0.1}}]\n")
    given = ("chaos", "--plan", "plan.yaml", "--payments", "3", "--database", "payments.db")
    assert aegispay(tmp_path, *given).returncode == 0
    before = (tmp_path / "payments.db").read_bytes()
    refused = aegispay(tmp_path, *given)
    assert refused.returncode == 2
    assert "AEGISPAY_ALLOW_CHAOS=1" in refused.stderr
    assert (tmp_path / "payments.db").read_bytes() == before
    monkeypatch.setenv("AEGISPAY_ALLOW_CHAOS", "1")
    assert aegispay(tmp_path, *given, "--seed", "8").returncode == 0
    assert verify(tmp_path / "payments.db").problems == ()
