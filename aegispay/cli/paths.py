"""The files that a run reads and writes, checked before any of them is touched."""

from __future__ import annotations

import sqlite3
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aegispay.cli.rows import UsageError
from aegispay.errors import StoreOpenError
from aegispay.gateways.ledger import FileLedger, ForeignFileError

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What the command line named.

    Attributes:
        orders: a file, or ``-`` for standard input.
        gateways: the file of gateways, where one was given. config: the file of settings, likewise.
    """

    orders: str
    database: Path
    ledger: Path
    out: Path | None
    gateways: Path | None
    config: Path | None = None


def check_paths(paths: Paths) -> None:
    """Refuse what would destroy a file or scatter new ones.

    Raises:
        UsageError: one file is named for two things.
        StoreOpenError: the database cannot be there.
    """
    named = {
        "FILE": None if paths.orders == STANDARD_INPUT else Path(paths.orders),
        "--gateways": paths.gateways,
        "--config": paths.config,
        "--database": paths.database,
        "--ledger": paths.ledger,
        "--out": paths.out,
    }
    seen: dict[Path, str] = {}
    for name, path in named.items():
        if path is not None and not path.is_char_device():
            first = seen.setdefault(path.resolve(), name)
            if first != name:
                raise UsageError(f"{first} and {name} are the same file, {path}")
    if paths.database.is_dir():
        raise StoreOpenError(f"{paths.database} is a directory", hint="Name a file in it.")
    if not paths.database.parent.is_dir():
        raise StoreOpenError(f"{paths.database.parent} does not exist", hint="Make the directory first.")


def open_orders(orders: str) -> BinaryIO:
    """Open the orders for reading.

    Raises:
        UsageError: they cannot be.
    """
    try:
        if orders != STANDARD_INPUT:
            return open(orders, "rb")
        if sys.stdin is None:
            raise UsageError("standard input is closed")
        # A reader of its own: at exit the interpreter takes the lock of sys.stdin, which a blocked read would hold.
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except OSError as error:
        raise UsageError(f"{orders}: {error.strerror}") from error


def count_rows(orders: str, *, is_json: bool) -> int | None:
    """Return about how many rows there are, by counting lines; ``None`` where reading would take them away."""
    if orders == STANDARD_INPUT or not stat.S_ISREG(Path(orders).stat().st_mode):
        return None
    lines, last = 0, b"\n"
    with open(orders, "rb") as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n")
            last = block[-1:]
    lines += last != b"\n"
    return max(0, lines if is_json else lines - 1)


def open_ledger(path: Path) -> FileLedger:
    """Open the simulated providers' books.

    Raises:
        UsageError: they cannot be.
    """
    try:
        return FileLedger(path)
    except sqlite3.Error as error:
        raise UsageError(f"--ledger {path}: {error}") from error
    except ForeignFileError as error:
        raise UsageError(f"--ledger {error}") from error
