"""Many rows in few statements: each statement takes the interpreter's lock from the event loop and gives it back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

ROWS = 32
"""Rows per statement: far below SQLite's limit of parameters, and most of what there is to gain."""


def execute_rows(
    database: sqlite3.Connection, statement: Callable[[int], str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Run a statement for all rows, `ROWS` at a time and the rest one by one.

    Args:
        database: with a transaction begun.
        statement: its text for a number of rows; always the same one for the same number, so that SQLite knows it.
        rows: the parameters, row by row.
    """
    whole = len(rows) - len(rows) % ROWS
    for start in range(0, whole, ROWS):
        database.execute(statement(ROWS), tuple(chain.from_iterable(rows[start : start + ROWS])))
    if whole < len(rows):
        database.executemany(statement(1), rows[whole:])


def places(columns: int, rows: int) -> str:
    """Return the place-holders of so many rows."""
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)
