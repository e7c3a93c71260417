"""Run the day for every strategy; print what each made of it, and draw it if asked to."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.day.measures import measure
from benchmarks.day.picture import draw
from benchmarks.day.running import run_all, traffic_of
from benchmarks.day.tables import money_table, move_table
from benchmarks.day.world import PROVIDERS

PAYMENTS = 200_000


def routing_day(seed: int, payments: int = PAYMENTS, picture: Path | None = None) -> None:
    """Print the day's tables; write the picture."""
    ledgers = run_all(seed, payments)
    traffic = traffic_of(seed, payments)
    measured = {name: measure(name, traffic, ledger) for name, ledger in ledgers.items()}
    print(f"{payments:,} payments, {traffic.offered_usd:,.0f} USD, {len(PROVIDERS)} gateways, seed {seed}\n")
    print(money_table(measured), end="\n\n")
    print(move_table(measured), flush=True)
    if picture is not None:
        picture.write_text(draw(traffic, ledgers), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="where to draw the day")
    options = parser.parse_args()
    routing_day(options.seed, options.payments, options.picture)


if __name__ == "__main__":
    main()
