"""Reading the log in SQLite: each stream for itself, and what is sealed opened on the way."""

from __future__ import annotations

import sqlite3
from typing import Any

from aegispay.errors import CorruptStoreError
from aegispay.storage import statements as sql
from aegispay.storage.customer_keys import open_rows


def select_streams(
    database: sqlite3.Connection, wanted: list[tuple[str, int]]
) -> list[list[Any] | sqlite3.Error | CorruptStoreError]:
    """Return the events of each stream after a version, or why they cannot be read: that is its own answer only."""
    return [_select_stream(database, stream) for stream in wanted]


def _select_stream(
    database: sqlite3.Connection, stream: tuple[str, int]
) -> list[Any] | sqlite3.Error | CorruptStoreError:
    try:
        return open_rows(database, database.execute(sql.LOAD, stream).fetchall())
    except (sqlite3.Error, CorruptStoreError) as error:
        return error


def select_log(database: sqlite3.Connection, after: int, limit: int) -> list[Any]:
    """Return events of all payments in the order of the log.

    Raises:
        CorruptStoreError: one of them does not open.
    """
    return open_rows(database, database.execute(sql.READ_ALL, (after, limit)).fetchall())
