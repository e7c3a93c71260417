"""``aegispay chaos``: an experiment by preset or by plan, and a report of what held."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from rich.console import Console

from aegispay.chaos.conduct import conduct, run_experiment
from aegispay.chaos.experiment import Experiment
from aegispay.chaos.experiments import experiment_of
from aegispay.chaos.files import load_plan
from aegispay.chaos.presets import PRESETS, preset
from aegispay.chaos.verdict import ExperimentReport
from aegispay.cli.rows import UsageError
from aegispay.clock import SystemClock
from aegispay.gateways.ledger import FileLedger
from aegispay.storage.sqlite import SqliteStore

ALLOW = "AEGISPAY_ALLOW_CHAOS"
"""Set it to 1 to let chaos at a database that exists."""


def run_chaos(
    *,
    plan: Path | None,
    preset_name: str | None,
    seed: int,
    payments: int | None,
    database: Path | None,
    as_json: bool,
    out: Console,
) -> bool:
    """Carry the experiment out and print its report; return whether everything held.

    Without a database it runs on virtual time, in memory; with one on real time, in the file.

    Raises:
        UsageError: neither or both of plan and preset are given, or the database exists and nobody allowed it.
        ConfigurationError: the plan cannot be used, or there is no such preset.
        StoreError: the database cannot be used.
    """
    experiment = _experiment(plan, preset_name)
    if payments is not None:
        experiment = experiment.model_copy(update={"payments": payments})
    if database is None:
        report = run_experiment(experiment, seed=seed)
    else:
        if database.exists() and os.environ.get(ALLOW) != "1":
            raise UsageError(f"{database} exists: chaos would reach what is in it; set {ALLOW}=1 if that is meant")
        report = asyncio.run(_on_disk(experiment, seed, database))
    out.print(report.json() if as_json else str(report), soft_wrap=True, markup=False, highlight=False)
    return report.passed


def _experiment(plan: Path | None, preset_name: str | None) -> Experiment:
    if (plan is None) == (preset_name is None):
        raise UsageError(f"name either --plan FILE or --preset, one of {', '.join(PRESETS)}")
    if plan is None:
        assert preset_name is not None
        return experiment_of(preset(preset_name).name)
    loaded = load_plan(plan)
    return Experiment(name=loaded.name or plan.name, plan=loaded)


async def _on_disk(experiment: Experiment, seed: int, database: Path) -> ExperimentReport:
    clock = SystemClock()
    ledger = FileLedger(Path(f"{database}.providers"))
    try:
        store = SqliteStore(database, clock=clock)
        return await conduct(experiment, seed=seed, store=store, ledger=ledger, clock=clock)
    finally:
        ledger.close()
