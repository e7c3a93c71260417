"""How fast the auditor reads a log."""

import tempfile
from pathlib import Path

from aegispay import AegisPay
from aegispay.storage.verify import verify
from benchmarks.workbench import at_once, fields, gateways, say, timed


async def audit(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payments.db"
        async with AegisPay(path, gateways=gateways(seed)) as aegis:
            await at_once(500, 25_000, lambda number: aegis.pay(**fields(f"order-{number}")))
        with timed() as took:
            report = verify(path)
    assert not report.problems
    say("verify", f"{report.events:,} events: {report.events / took.wall_s:,.0f} events/s")
