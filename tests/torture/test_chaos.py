"""A short storm, and what it has to report when a protection is switched off."""

from __future__ import annotations

import logging
import os

import pytest

from aegispay.chaos import ChaosPlan, GatewayError, When
from tests.torture import breakage
from tests.torture.chaos import Storm
from tests.torture.chaos_load import pause
from tests.torture.usage import Samples

SEED = int(os.environ.get("TORTURE_SEED", "7"))


@pytest.fixture(autouse=True)
def _quiet():
    """Thousands of lines about faults on purpose would hide what a failure says."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def unbroken(monkeypatch):
    """Put back what `breakage` breaks."""
    from aegispay.actors import asking

    monkeypatch.setattr(asking, "as_evidence", asking.as_evidence)
    return monkeypatch


def test_through_a_storm_every_promise_holds_nothing_leaks_and_the_pace_comes_back(tmp_path):
    report = Storm(seed=SEED, clients=600, per_s=30, pace_min=0.5, memory_growth_max=2.0).run(tmp_path)
    assert report.problems == [], f"repeat: TORTURE_SEED={SEED} pytest tests/torture/test_chaos.py\n{report}"
    # The storm was as hard as it was meant to be.
    assert report.chaos.total >= 200
    assert len(report.chaos.by_kind) >= 10
    assert report.provider_faults >= 20
    assert report.payments == 600


@pytest.mark.parametrize(
    ("memory_kb", "growth"),
    [
        ([*range(30), *[100] * 70], 1.0),
        (range(100, 200), 194.5 / 137.5),
        ([*[100] * 90, *[150] * 10], 1.5),
        ([*[100] * 40, 900, *[100] * 59], 1.0),
    ],
    ids=["warmed up", "grows", "grew at the end", "a peak"],
)
def test_growth_is_the_end_compared_with_a_third_of_the_way(memory_kb, growth):
    samples = Samples(pause, every_s=1.0)
    samples.memory_kb = list(memory_kb)
    assert samples.growth == pytest.approx(growth)


@pytest.mark.usefixtures("unbroken")
def test_an_engine_that_guesses_is_found_out(tmp_path):
    breakage.apply("failover")
    plan = ChaosPlan(name="lost answers", duration_s=86_400, faults=(GatewayError(rate=0.3, when=When.AFTER),))
    report = Storm(seed=3, clients=120, per_s=60, plan=plan, pace_min=0.0, memory_growth_max=10.0).run(tmp_path)
    assert [problem for problem in report.problems if ": charged " in problem or "the engine says" in problem], str(
        report
    )
