"""SQLite connections on threads of their own, and one hop to such a thread for a whole piece of work."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import quote

import aiosqlite

from aegispay.errors import StoreOpenError
from aegispay.storage.migrations import read_version

P = ParamSpec("P")
T = TypeVar("T")

BUSY_S = 5.0
"""How long SQLite waits for another process's lock, such as a backup's."""


_CHECKPOINT_PAGES = 10_000
"""Pages that gather in the write-ahead log, 40 MB, before they go into the file: many are written again until then."""


def uri(path: Path, *, read_only: bool) -> str:
    """Return SQLite's name for the file, whatever characters its path has."""
    return f"file:{quote(str(path))}?mode={'ro' if read_only else 'rwc'}"


async def connect(path: Path, *, read_only: bool = False, busy_s: float = BUSY_S) -> aiosqlite.Connection:
    """Open the file; durable on every commit.

    Raises:
        sqlite3.Error: it is no database, or may not be read.
        StoreOpenError: it is not ours, or the file system cannot do what durable writing beside reading needs.
    """
    if not read_only:
        with contextlib.suppress(OSError):
            # A new one is for its owner alone, and so are the files that SQLite puts beside it.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    name = uri(path, read_only=read_only)
    # Fails here and not on aiosqlite's thread, which would go on for a while and speak to a loop that may be closed.
    sqlite3.connect(name, uri=True).close()
    connection = await aiosqlite.connect(name, uri=True, isolation_level=None, timeout=busy_s)
    try:
        await on_thread(connection, _configure, raw(connection), path, read_only=read_only)
    except BaseException:
        # Its thread would outlive us and keep the process from ending.
        await connection.close()
        raise
    return connection


def _configure(database: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    if not read_only:
        # First, because the next line would change another program's file.
        read_version(database, str(path))
        mode = database.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise StoreOpenError(
                f"{path}: this file system has no write-ahead log (SQLite chose {mode!r})", hint="Use a local disk."
            )
        database.execute("PRAGMA synchronous=FULL")
        database.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    database.execute("PRAGMA cache_size=-65536")


async def on_thread(
    connection: aiosqlite.Connection, work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs
) -> T:
    """Run `work` on the connection's thread.

    aiosqlite hops to its thread once per statement, which makes a transaction of three statements 2.7 times as slow.
    Its `_execute` runs any function there; it is used here and nowhere else, and a test watches over it.
    """
    named = _Work(work, partial(work, *arguments, **keywords))
    return cast("T", await connection._execute(named))  # type: ignore[no-untyped-call]  # noqa: SLF001


class _Work:
    """Work that shows its name only: the driver logs what it runs, and the arguments may be personal or secret."""

    __slots__ = ("_call", "_work")

    def __init__(self, work: Callable[..., Any], call: Callable[[], Any]) -> None:
        self._work = work
        self._call = call

    def __call__(self) -> Any:
        return self._call()

    def __repr__(self) -> str:
        return f"<{getattr(self._work, '__qualname__', type(self._work).__name__)}>"


def raw(connection: aiosqlite.Connection) -> sqlite3.Connection:
    """Return the connection itself; to be used on its own thread only."""
    return connection._conn  # noqa: SLF001 - see `on_thread`
