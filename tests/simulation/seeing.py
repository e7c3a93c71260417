"""Whether the simulation sees a damage, within the first stories."""

from __future__ import annotations

from tests.simulation.promises import broken
from tests.simulation.world import simulate

_SEEDS_MAX = 40


def sees(damage: str) -> bool:
    """Return whether one of the first stories breaks a promise whose description contains `damage`."""
    return any(damage in problem for seed in range(_SEEDS_MAX) for problem in _problems(seed))


def _problems(seed: int) -> list[str]:
    try:
        return broken(simulate(seed))
    except Exception as error:
        return [f"could not be told: {error}"]
