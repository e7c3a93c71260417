"""SQLite connections on threads of their own, and one hop to such a thread for a whole piece of work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast
from urllib.parse import quote

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")

_BUSY_S = 5.0
"""How long SQLite waits for another process's lock, such as a backup's."""


async def connect(path: Path, *, read_only: bool = False) -> aiosqlite.Connection:
    """Open the file; durable on every commit."""
    uri = f"file:{quote(str(path))}?mode={'ro' if read_only else 'rwc'}"
    connection = await aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_S)
    if not read_only:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
    await connection.execute("PRAGMA cache_size=-65536")
    return connection


async def on_thread(
    connection: aiosqlite.Connection, work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs
) -> T:
    """Run `work` on the connection's thread.

    aiosqlite hops to its thread once per statement, which makes a transaction of three statements 2.7 times as slow.
    Its `_execute` runs any function there; it is used here and nowhere else, and a test watches over it.
    """
    return cast("T", await connection._execute(work, *arguments, **keywords))  # type: ignore[no-untyped-call]  # noqa: SLF001


def raw(connection: aiosqlite.Connection) -> sqlite3.Connection:
    """Return the connection itself; to be used on its own thread only."""
    return connection._conn  # noqa: SLF001 - see `on_thread`
