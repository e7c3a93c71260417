"""Which seeds are run: 100 by default, more or others by an environment variable."""

from __future__ import annotations

import os

VARIABLE = "SIMULATION_SEEDS"
_COUNT = 100


def chosen(text: str | None = None) -> range:
    """Return the seeds that ``SIMULATION_SEEDS`` names: ``500`` for the first 500, ``17-17`` for one, ``100-199``."""
    wanted = os.environ.get(VARIABLE, str(_COUNT)) if text is None else text
    first, dash, last = wanted.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


def repeat(seed: int) -> str:
    """Return the command that runs one seed again."""
    return f"{VARIABLE}={seed}-{seed} .venv/bin/pytest tests/simulation/test_promises.py -k every_promise"
