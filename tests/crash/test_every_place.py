"""Whatever dies at any one place of any scenario, the payment comes to the end that it would have come to anyway."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.crash.charges import CHARGES
from tests.crash.lives import ActorCrashes, ProcessDies, StoreFails
from tests.crash.operations import OPERATIONS
from tests.crash.run import check, run
from tests.crash.scenarios import Scenario

SCENARIOS = (*CHARGES, *OPERATIONS)
STRIKES = (ActorCrashes(), ProcessDies(), StoreFails())


def name_of(each: object) -> str:
    return str(each) if isinstance(each, Scenario) else type(each).__name__


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_a_clean_run_ends_as_the_scenario_says(monkeypatch, scenario):
    clean = run(monkeypatch, scenario, ActorCrashes())
    check(clean, scenario)
    assert clean.payment.state is scenario.ends[0].state
    assert {"before SubmitPayment", "after SubmitPayment", "before_commit", "after_commit"} <= set(clean.places)
    assert {"before OutcomeArrived", "after OutcomeArrived"} <= set(clean.places)


@pytest.mark.parametrize("strike", STRIKES, ids=name_of)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_what_happens_at_one_place_changes_nothing_in_the_end(monkeypatch, scenario, strike):
    clean = run(monkeypatch, scenario, strike)
    assert len(clean.places) >= 7
    for number, place in enumerate(clean.places):
        with _at(place):
            struck = run(monkeypatch, scenario, strike, number)
            assert struck.places[number] == place
            check(struck, scenario)


PAIRS = [
    (scenario, strike)
    for scenario in SCENARIOS
    for strike in (ActorCrashes(), ProcessDies())
    if scenario.name in {"plain success", "lost, not found, sent again", "void", "refund unknown, sent again"}
]


@pytest.mark.parametrize(("scenario", "strike"), PAIRS, ids=name_of)
def test_a_second_time_at_any_place_of_the_way_back_changes_nothing_either(monkeypatch, scenario, strike):
    clean = run(monkeypatch, scenario, strike)
    pairs = 0
    for first in range(len(clean.places)):
        once = run(monkeypatch, scenario, strike, first)
        for second in range(first + 1, len(once.places)):
            pairs += 1
            with _at(f"{clean.places[first]}, then {once.places[second]}"):
                check(run(monkeypatch, scenario, strike, first, second), scenario)
    assert pairs >= 40


@contextlib.contextmanager
def _at(place: str) -> Iterator[None]:
    """Add the place to whatever fails inside."""
    try:
        yield
    except Exception as error:
        error.add_note(f"it happened at: {place}")
        raise
