"""One seed is one story: it can be run again, here or on another machine, and everything happens as before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.checkout import ROOT
from tests.simulation.digest import digest, lines
from tests.simulation.world import simulate


@pytest.mark.parametrize("seed", [3, 11, 42])
def test_the_same_seed_gives_the_same_events_ids_and_times(seed):
    first, second = lines(simulate(seed)), lines(simulate(seed))
    assert first == second
    assert len(first) > 100


def test_another_seed_gives_another_story():
    assert lines(simulate(1)) != lines(simulate(2))


def test_another_process_with_other_hashes_gives_the_same_story():
    seed = 5
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation.digest", str(seed)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "1234"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split()[-1] == digest(seed)
