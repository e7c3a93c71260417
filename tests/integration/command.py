"""The real command in a process of its own, and what its files say afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from aegispay.gateways.ledger import FileLedger, charges

TIMEOUT_S = 120
HEADER = "idempotency_key,amount,currency,method,token\n"


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "80", "PYTHONWARNINGS": "error", "TERM": "dumb"}


def arguments(*given: str) -> list[str]:
    return [sys.executable, "-m", "aegispay.cli", *given]


def aegispay(where: Path, *given: str, typed: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a directory to its end."""
    data = typed.encode() if isinstance(typed, str) else typed
    done = subprocess.run(
        arguments(*given),
        cwd=where,
        env=environment(),
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def start(where: Path, *given: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start the command in a directory; the test ends it."""
    return subprocess.Popen(arguments(*given), cwd=where, env=environment(), **streams)


def write_orders(where: Path, count: int, name: str = "orders.csv") -> Path:
    """Write orders of which every tenth is declined."""
    tokens = ["tok_declined" if number % 10 == 9 else "tok_visa" for number in range(count)]
    rows = (f"order-{number},{number + 1}.00,USD,card,{token}\n" for number, token in enumerate(tokens))
    path = where / name
    path.write_text(HEADER + "".join(rows))
    return path


def write_gateways(where: Path, *, latency_ms: tuple[int, int]) -> Path:
    """Write two gateways that take some time."""
    tables = (f'[[gateway]]\nname = "{name}"\nlatency_ms = {list(latency_ms)}\n' for name in ("alpha", "beta"))
    path = where / "gateways.toml"
    path.write_text("".join(tables))
    return path


def results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def charge_counts(where: Path, database: str = "payments.db") -> Counter[int]:
    """Return how many payments the providers charged once, twice and so on; the books are the oracle."""
    ledger = FileLedger(where / f"{database}.providers")
    counts = Counter(len(entries) for entries in charges(ledger).values())
    ledger.close()
    return counts
