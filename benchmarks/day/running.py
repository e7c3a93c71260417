"""Runs the same day once for each contender, on all cores."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from benchmarks.day.contenders import CONTENDERS
from benchmarks.day.simulation import Day, Ledger
from benchmarks.day.traffic import Traffic


@cache
def traffic_of(seed: int, count: int) -> Traffic:
    """Return the payments of this day; drawn once in each process."""
    return Traffic(seed, count)


def run(name: str, seed: int, count: int) -> Ledger:
    """Return what became of the day's payments under one contender."""
    return Day(traffic_of(seed, count), CONTENDERS[name]()).run()


def _be_quiet() -> None:
    # Each gateway that goes down is a warning.
    logging.getLogger("aegispay").setLevel(logging.CRITICAL)


def run_all(seed: int, count: int, names: Sequence[str] = tuple(CONTENDERS)) -> dict[str, Ledger]:
    """Return the same for several."""
    with ProcessPoolExecutor(initializer=_be_quiet) as pool:
        started = {name: pool.submit(run, name, seed, count) for name in names}
        return {name: future.result() for name, future in started.items()}
