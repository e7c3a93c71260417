"""Engine in one process, providers in others, and an oracle that is neither: their books."""

from __future__ import annotations

import os

import pytest

from tests.torture.run import Plan, Torture

SEED = int(os.environ.get("TORTURE_SEED", "7"))


def test_engine_and_providers_agree_after_a_day_of_faults_kills_and_takeovers(tmp_path):
    plan = Plan(seed=SEED, orders=150, kills=3, freezes=1, provider_kills=1)
    report = Torture(plan, tmp_path).run()
    assert report.problems == [], f"repeat: TORTURE_SEED={SEED} pytest tests/torture\n{report}"
    # The day was as hard as it was meant to be.
    assert report.starts >= plan.kills + plan.freezes + 2
    assert report.faults >= 5
    assert report.captured_minor > report.refunded_minor > 0


@pytest.mark.parametrize(
    ("breakage", "freezes", "damage"),
    [
        ("fence", 1, ["could still write"]),
        ("reservation", 0, ["more was reserved than there was"]),
        ("same_key", 0, [": charged ", "the engine says"]),
        ("failover", 0, [": charged ", "the engine says", "the providers still hold"]),
    ],
)
def test_with_a_protection_switched_off_the_torture_reports_the_damage(breakage, freezes, damage, tmp_path):
    plan = Plan(seed=3, orders=60, fault_share=0.4, freezes=freezes, breakage=breakage, has_webhooks=False)
    report = Torture(plan, tmp_path).run()
    assert [problem for problem in report.problems if any(words in problem for words in damage)], str(report)
