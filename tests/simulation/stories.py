"""The first few seeds' stories are told once, for all tests that read them and change nothing."""

from __future__ import annotations

import functools

from tests.simulation.world import Story, simulate

SHARED = range(12)


@functools.cache
def _told(seed: int) -> Story:
    return simulate(seed)


def story_of(seed: int) -> Story:
    """Return what happens with this seed; the story itself must be left as it is."""
    return _told(seed) if seed in SHARED else simulate(seed)
