"""The command line: ``pip install "aegispay[cli]"``, then ``aegispay --help``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line; say what to install when its extra is missing."""
    try:
        from aegispay.cli.app import app  # noqa: PLC0415 - typer is an extra
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        print('The command line needs its extra: pip install "aegispay[cli]"', file=sys.stderr)
        sys.exit(2)
    # What a payment makes is freed by counting references: looking for cycles among it finds nothing and takes a fifth
    # of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    app()
