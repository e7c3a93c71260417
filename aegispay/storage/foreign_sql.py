"""SQL that is not ours: a transactional subscriber's statements are checked here before they come near the log."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

from aegispay.delivery_errors import EffectsRefusedError
from aegispay.storage.connection import uri

_OURS = frozenset(
    {
        "configurations",
        "customer_keys",
        "deliveries",
        "erasures",
        "events",
        "gateways",
        "marks",
        "meta",
        "parking",
        "payments",
        "recoveries",
        "sqlite_sequence",
        "subscribers",
        "webhook_attempts",
        "webhook_inbox",
    }
)
_SECRET = frozenset({"meta", "customer_keys", "erasures"})
_CATALOGUE = frozenset({"sqlite_master", "sqlite_schema"})
_CHANGES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_MAKES = frozenset({sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_REINDEX})
ROWS_MAX = 10_000
"""Rows that one question may return."""


class ForeignSql:
    """Compiles and answers statements on a connection of its own that cannot write. From any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._may_change = False
        self._may_make = False

    def close(self) -> None:
        """Close the connection. Idempotent."""
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                database.close()

    def compile(self, statement: str, parameters: tuple[Any, ...], *, makes_tables: bool = False) -> None:
        """Check a writing statement without executing it.

        Raises:
            EffectsRefusedError: it does not compile, or it touches more than the subscriber's own tables.
        """
        # EXPLAIN compiles the statement with its parameters, and executes nothing.
        self._run(f"EXPLAIN {statement}", parameters, may_change=not makes_tables, may_make=makes_tables)

    def query(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a reading statement, at most `ROWS_MAX`.

        Raises:
            EffectsRefusedError: it does not compile, it writes, or there are more rows.
        """
        rows = self._run(statement, parameters)
        if len(rows) > ROWS_MAX:
            raise EffectsRefusedError(f"the question has more than {ROWS_MAX:,} rows", hint="Ask for fewer.")
        return rows

    def _run(
        self, statement: str, parameters: tuple[Any, ...], *, may_change: bool = False, may_make: bool = False
    ) -> list[tuple[Any, ...]]:
        with self._lock:
            database = self._connected()
            self._may_change, self._may_make = may_change, may_make
            try:
                return database.execute(statement, parameters).fetchmany(ROWS_MAX + 1)
            except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError, TypeError) as error:
                raise EffectsRefusedError(f"{statement[:200]}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(
                uri(self._path, read_only=True), uri=True, isolation_level=None, check_same_thread=False
            )
            self._database.set_authorizer(self._allowed)
        return self._database

    def _allowed(self, action: int, first: str | None, _second: str | None, _place: str | None, _by: str | None) -> int:
        table = (first or "").lower()
        if action == sqlite3.SQLITE_READ:
            is_allowed = table not in _SECRET
        elif action in _CHANGES:
            is_allowed = (self._may_make and table in _CATALOGUE) or (
                (self._may_change or self._may_make) and table not in _OURS | _CATALOGUE
            )
        else:
            is_allowed = action in _READS or (self._may_make and action in _MAKES)
        return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY
