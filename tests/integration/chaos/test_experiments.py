"""Every preset's experiment passes, and one seed tells one story."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from aegispay.chaos import PRESETS, Criteria, experiment_of, run_experiment
from tests.checkout import ROOT

SEED = 7


def run(name, seed=SEED, **changes):
    return run_experiment(experiment_of(name).model_copy(update=changes), seed=seed)


@pytest.mark.parametrize("name", PRESETS)
def test_the_experiment_of_a_preset_passes(name):
    payments = 60 if name == "apocalypse" else 120
    report = run(name, payments=payments)
    assert report.passed, f"repeat: aegispay chaos --preset {name} --seed {SEED} --payments {payments}\n{report}"
    assert report.chaos.total > payments // 10, "the plan did not strike"
    assert report.measured.clients == payments


@pytest.mark.parametrize("name", ["gateway_timeout", "apocalypse"])
def test_one_seed_gives_one_report_to_the_byte_in_this_process_and_in_another(name):
    first, second = run(name, payments=15), run(name, payments=15)
    assert first.json() == second.json()
    code = f"from tests.integration.chaos.test_experiments import run; print(run({name!r}, payments=15).json())"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.rstrip() == first.json()


def test_another_seed_tells_another_story():
    assert run("gateway_timeout", 1, payments=20).json() != run("gateway_timeout", 2, payments=20).json()


@pytest.mark.parametrize(
    ("criteria", "failed"),
    [
        (Criteria(success_rate_min=1.0, in_doubt_max=0), "success_rate"),
        (Criteria(latency_mean_max_s=0.5), "latency_mean_s"),
        (Criteria(latency_p95_max_s=1.0), "latency_p95_s"),
        (Criteria(latency_p99_max_s=1.0), "latency_p99_s"),
        (Criteria(breaker_openings_max=0), "breaker_openings"),
    ],
)
def test_a_criterion_that_does_not_hold_fails_the_experiment(criteria, failed):
    report = run("gateway_timeout", payments=60, retries=0, criteria=criteria)
    assert [criterion.name for criterion in report.criteria if not criterion.holds] == [failed]
    assert not report.passed
    assert f"FAILED  {failed.replace('_', ' ')}" in str(report)


def test_the_report_counts_every_injection_by_kind_and_point():
    report = run("cascading_failure", payments=30)
    data = json.loads(report.json())["chaos"]
    assert sum(data["by_kind"].values()) == sum(data["by_point"].values()) == data["total"] == len(data["injections"])
