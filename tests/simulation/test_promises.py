"""The whole engine under storm after storm: whatever the seed brings, every promise is kept."""

from __future__ import annotations

import pytest

from tests.simulation.promises import broken
from tests.simulation.seeds import chosen, repeat
from tests.simulation.stories import story_of


@pytest.mark.parametrize("seed", chosen())
def test_every_promise_is_kept_through_the_storm_of_this_seed(seed):
    try:
        problems = broken(story_of(seed))
    except Exception as error:
        error.add_note(f"seed {seed}; repeat: {repeat(seed)}")
        raise
    assert problems == [], f"seed {seed}; repeat: {repeat(seed)}"


def test_the_seeds_can_be_chosen():
    assert chosen("3") == range(3)
    assert chosen("17-17") == range(17, 18)
    assert chosen("5-8") == range(5, 9)
