"""The long torture: `make torture SEED=7`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.torture.breakage import NAMES
from tests.torture.run import Plan, Torture


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--freezes", type=int, default=5)
    parser.add_argument("--provider-kills", type=int, default=5)
    parser.add_argument("--fault-share", type=float, default=0.2)
    parser.add_argument("--breakage", choices=NAMES, default=None, help="switch one protection off")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Torture(Plan(**vars(given)), Path(folder)).run()
    sys.stdout.write(f"{report}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
