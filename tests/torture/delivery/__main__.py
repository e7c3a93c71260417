"""`python -m tests.torture.delivery --seed 7`: five thousand payments, twenty subscribers, fifty kills."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.torture.delivery.run import DeliveryTorture, Plan


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.delivery")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(seed=options.seed, orders=options.orders, kills=options.kills)
        report = DeliveryTorture(plan, Path(folder)).run()
    sys.stdout.write(f"{report}\nbehind when the last order was paid: {report.lags}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
