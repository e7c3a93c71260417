"""A payment whose actor crashes at any one place comes to the end that it would have come to anyway."""

from __future__ import annotations

import pytest

from tests.crash.points import Places
from tests.crash.run import Kill, check, create_and_process, pay, run
from tests.crash.scenarios import SCENARIOS

ASKS = (pay, create_and_process)


def _store_fails(place: str) -> None:
    if place in {"before_commit", "after_commit"}:
        raise OSError(place)


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_clean_run_ends_as_the_scenario_says(monkeypatch, scenario, ask):
    clean = run(monkeypatch, scenario, ask, Places())
    assert clean.charges == ([] if scenario.charged_by is None else [(scenario.charged_by, 10_000)])
    assert clean.payment.state.is_final
    assert {"before SubmitPayment", "after SubmitPayment", "before_commit", "after_commit"} <= set(clean.places)
    assert {"before OutcomeArrived", "after OutcomeArrived"} <= set(clean.places)
    check(clean, clean, scenario)


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_an_actor_that_crashes_at_one_place_changes_nothing_in_the_end(monkeypatch, scenario, ask):
    clean = run(monkeypatch, scenario, ask, Places())
    assert len(clean.places) >= 10
    for number, place in enumerate(clean.places):
        crashed = run(monkeypatch, scenario, ask, Places(number), Kill())
        assert crashed.places[number] == place
        with _at(number, place):
            check(crashed, clean, scenario)


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_store_that_fails_at_one_commit_changes_nothing_in_the_end(monkeypatch, scenario, ask):
    clean = run(monkeypatch, scenario, ask, Places())
    commits = [number for number, place in enumerate(clean.places) if place.endswith("_commit")]
    assert len(commits) >= 4
    for number in commits:
        with _at(number, clean.places[number]):
            check(run(monkeypatch, scenario, ask, Places(number, strike=_store_fails)), clean, scenario)


@pytest.mark.parametrize("scenario", [SCENARIOS[0], SCENARIOS[-1]], ids=str)
def test_a_second_crash_at_any_place_of_the_way_back_changes_nothing_either(monkeypatch, scenario):
    clean = run(monkeypatch, scenario, pay, Places())
    pairs = 0
    for first in range(len(clean.places)):
        once = run(monkeypatch, scenario, pay, Places(first), Kill())
        for second in range(first + 1, len(once.places)):
            pairs += 1
            twice = run(monkeypatch, scenario, pay, Places(first, second), Kill())
            with _at(second, f"{clean.places[first]}, then {once.places[second]}"):
                check(twice, clean, scenario)
    assert pairs >= 80


def _at(number: int, place: str) -> _Place:
    return _Place(number, place)


class _Place:
    """Adds the place to whatever fails inside."""

    def __init__(self, number: int, place: str) -> None:
        self._note = f"crashed at place {number}: {place}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            error.add_note(self._note)
