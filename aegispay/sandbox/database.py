"""The ledger's file: one process at a time, and what is committed survives the process."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aegispay.errors import StoreLockedError, StoreOpenError
from aegispay.sandbox.schema import SCHEMA

_APPLICATION_ID = 0x41507362
"""Stands in the header of every ledger ("APsb"), so that no other program's database is taken for one."""
_VERSION = 1
_BUSY_S = 2.0
_CHECKPOINT_PAGES = 10_000
"""Pages that gather in the write-ahead log, 40 MB, before they go into the file, which takes a flush."""


class Database:
    """One SQLite connection, used on one thread.

    Every request is one transaction on the loop's own thread. In the write-ahead log a commit is a write without a
    flush, so it takes microseconds and survives ``kill -9``; only a power failure may take the last ones.

    Args:
        path: the file, made when missing; ``:memory:`` for none.

    Raises:
        StoreOpenError: the file cannot be used.
        StoreLockedError: another sandbox has it open.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        try:
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False, cached_statements=256
            )
        except sqlite3.Error as error:
            raise StoreOpenError(f"{self._path}: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all writes of the block, or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        """Return all rows of a query."""
        return self._connection.execute(statement, parameters).fetchall()

    def row(self, statement: str, *parameters: Any) -> Any | None:
        """Return the first row of a query."""
        return self._connection.execute(statement, parameters).fetchone()

    def write(self, statement: str, *parameters: Any) -> int:
        """Run a statement and return the number of the row it inserted."""
        return self._connection.execute(statement, parameters).lastrowid or 0

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _prepare(self) -> None:
        try:
            self._is_ours()
            # Held as long as the connection lives, and let go by the system when the process dies.
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            with self.transaction():
                if not self._is_ours():
                    self._create()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreLockedError(
                    f"{self._path} is open in another process", hint="One sandbox per ledger: stop the other one first."
                ) from error
            raise StoreOpenError(f"{self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreOpenError(f"{self._path}: {error}") from error

    def _is_ours(self) -> bool:
        """Return whether the file is a ledger already; it may also be empty, but nobody else's."""
        application_id = self._connection.execute("PRAGMA application_id").fetchone()[0]
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if application_id == _APPLICATION_ID and version == _VERSION:
            return True
        if application_id or self.row("SELECT 1 FROM sqlite_master LIMIT 1") is not None:
            raise StoreOpenError(
                f"{self._path} is not a ledger of this version of the sandbox", hint="Choose another file."
            )
        return False

    def _create(self) -> None:
        for statement in SCHEMA.split(";"):
            if statement.strip():
                self._connection.execute(statement)
        self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {_VERSION}")
