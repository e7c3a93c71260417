"""Reading the log in SQLite: each stream for itself, and what is sealed opened on the way."""

from __future__ import annotations

import sqlite3
from typing import Any

from aegispay.errors import CorruptStoreError
from aegispay.storage import statements as sql
from aegispay.storage.customer_keys import open_rows
from aegispay.storage.rows import unreadable


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
        UnreadableEventError: one of them is no text, or does not open.
    """
    try:
        rows = database.execute(sql.READ_ALL, (after, limit)).fetchall()
    except sqlite3.OperationalError:
        # Perhaps one that is no text: then it is named, instead of all of them refused.
        rows = list(map(_as_text, database.execute(sql.READ_ALL_BYTES, (after, limit))))
    return open_rows(database, rows)


def _as_text(row: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        return (*row[:5], row[5].decode(), *row[6:])
    except UnicodeDecodeError:
        raise unreadable(row, "it is no text") from None
