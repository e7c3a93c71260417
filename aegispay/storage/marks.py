"""The marks of the SQLite store: counted, refused and pruned inside the transaction of the events they belong to."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from functools import partial

from aegispay.errors import LimitReachedError
from aegispay.ports import Append
from aegispay.ports.marks import Mark, broken_limit
from aegispay.storage.rows import from_us, to_us

NTH_NEWEST = "SELECT at FROM marks WHERE key = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
ADD = "INSERT INTO marks VALUES (?, ?, ?, ?, ?)"
COUNT = (
    "SELECT value, (SELECT count(*) FROM marks WHERE marks.key = wanted.value AND marks.at > ?) "
    "FROM json_each(?) AS wanted"
)
PRUNE = (
    "DELETE FROM marks WHERE (key, at, payment_id, version) IN "
    "(SELECT key, at, payment_id, version FROM marks WHERE expires_at < ? ORDER BY expires_at LIMIT ?)"
)

_MARGIN_US = 86_400_000_000
"""A mark is kept a day beyond its time, so that a clock that jumped ahead and came back has forgotten nothing."""
_PRUNED_PER_MARK = 4
"""More than one goes for each that comes, so the table shrinks to what is still counted; few, so no write is slow."""


def refused(database: sqlite3.Connection, append: Append) -> LimitReachedError | None:
    """Return why the append must not be written, if one of its marks would break a limit."""
    for mark in append.marks:
        broken = broken_limit(mark, partial(_nth_newest, database, mark.key))
        if broken is not None:
            limit, frees_at = broken
            return LimitReachedError(
                payment_id=append.payment_id,
                key=mark.key,
                most=limit.most,
                window_s=limit.window_s,
                frees_at=frees_at,
            )
    return None


def _nth_newest(database: sqlite3.Connection, key: str, place: int) -> datetime | None:
    row = database.execute(NTH_NEWEST, (key, place - 1)).fetchone()
    return None if row is None else from_us(row[0])


def add(database: sqlite3.Connection, append: Append, version: int, recorded_at_us: int) -> None:
    """Write the marks of an append that is being written, and remove some that nobody counts any more.

    Args:
        database: with the append's transaction begun.
        append: whose marks.
        version: of the stream after the append.
        recorded_at_us: now, in microseconds since 1970 UTC.
    """
    database.executemany(ADD, [_row(mark, append.payment_id, version) for mark in append.marks])
    database.execute(PRUNE, (recorded_at_us - _MARGIN_US, _PRUNED_PER_MARK * len(append.marks)))


def _row(mark: Mark, payment_id: str, version: int) -> tuple[str, int, str, int, int]:
    return mark.key, to_us(mark.at), payment_id, version, to_us(mark.expires_at)
