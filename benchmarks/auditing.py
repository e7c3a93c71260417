"""How fast the auditor reads a log: alone, and shared by processes; and how fast payments are counted."""

import os
import sqlite3
import tempfile
import time
from pathlib import Path

from aegispay import AegisPay
from aegispay.ports.audit import GroupBy, StatisticsQuery
from aegispay.storage import audit_processes
from aegispay.storage.log_audit import LogAudit, open_for_audit, split
from aegispay.storage.statistics import read_statistics
from aegispay.storage.verify import verify
from benchmarks.workbench import at_once, fields, gateways, say, timed

PAYMENTS = 100_000


async def audit(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payments.db"
        async with AegisPay(path, gateways=gateways(seed)) as aegis:
            await at_once(500, PAYMENTS, lambda number: aegis.pay(**fields(f"order-{number}")))
        _verify(path, workers=1)
        cores = os.cpu_count() or 1
        _share(path, cores)
        audit_processes.PARALLEL_MIN = 0
        _verify(path, workers=cores)
        _count(path)


def _verify(path: Path, *, workers: int) -> None:
    with timed() as took:
        report = verify(path, workers=workers)
    assert not report.problems
    say(
        f"verify, {workers} process{'es' if workers > 1 else ''}",
        f"{report.events:,} events: {report.events / took.wall_s:,.0f} events/s",
    )


def _share(path: Path, cores: int) -> None:
    """Say what the longest share costs: on a long log, starting the processes takes no part worth naming."""
    longest_s = 0.0
    database = open_for_audit(path)
    for share in split(database, cores):
        begun = time.process_time()
        LogAudit(database, share).run()
        longest_s = max(longest_s, time.process_time() - begun)
    database.close()
    say(f"verify, 1 share of {cores}", f"{4 * PAYMENTS / longest_s:,.0f} events of the log per second of CPU")


def _count(path: Path) -> None:
    database = sqlite3.connect(path)
    with timed() as took:
        rows = read_statistics(database, StatisticsQuery(by=(GroupBy.GATEWAY, GroupBy.HOUR)))
    database.close()
    assert sum(row.payments for row in rows) == PAYMENTS
    say("statistics", f"{PAYMENTS / took.wall_s:,.0f} payments/s")
