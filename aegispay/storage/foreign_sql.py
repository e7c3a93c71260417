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
ROWS_MAX = 10_000
"""Rows that one question may return."""


QUERY_STEPS_MAX = 100_000_000
"""Steps of SQLite's machine that one question may take, some seconds: it holds up its own subscriber only."""

_MADE = "not authorized: make tables, and indexes on them, that are not the engine's"
_WRITTEN = "not authorized: insert into, update and delete from tables of your own only"
_READ = "not authorized: a question reads, and not what the engine keeps secret"


class _Connection:
    """A connection that cannot write, for one thread at a time.

    Attributes:
        may_change: whether rows of the subscriber's own tables may be changed by what is compiled now.
        may_make: whether tables and indexes may be made.
    """

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(
            uri(path, read_only=True), uri=True, isolation_level=None, check_same_thread=False
        )
        self.database.set_authorizer(self._allowed)
        self.database.set_progress_handler(_stop, QUERY_STEPS_MAX)
        self.may_change = False
        self.may_make = False

    def _allowed(self, action: int, first: str | None, second: str | None, _place: str | None, _by: str | None) -> int:
        return sqlite3.SQLITE_OK if self._is_allowed(action, _plain(first), _plain(second)) else sqlite3.SQLITE_DENY

    def _is_allowed(self, action: int, first: str, second: str) -> bool:
        if self.may_make and action == sqlite3.SQLITE_SELECT:
            return False  # a copy of the log would be made while every payment waits
        if action == sqlite3.SQLITE_READ:
            return first not in _SECRET
        if action in _CHANGES:
            is_own = first not in _OURS | _CATALOGUE
            return (is_own and (self.may_change or self.may_make)) or (self.may_make and first in _CATALOGUE)
        if action in {sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_REINDEX}:
            # What it is called, and which table it is on.
            return self.may_make and second not in _OURS | _CATALOGUE
        return action in _READS or (self.may_make and action == sqlite3.SQLITE_CREATE_TABLE)


class ForeignSql:
    """Compiles and answers statements on connections that cannot write. From any thread, as many as there are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._is_closed = False

    def close(self) -> None:
        """Close the connections, and end what they are at. Waits for nobody. Idempotent."""
        with self._lock:
            self._is_closed = True
            for connection in self._busy:
                connection.database.interrupt()
            while self._idle:
                self._idle.pop().database.close()

    def compile(self, statement: str, parameters: tuple[Any, ...], *, makes_tables: bool = False) -> None:
        """Check a writing statement without executing it.

        Raises:
            EffectsRefusedError: it does not compile, or it touches more than the subscriber's own tables.
        """
        # EXPLAIN compiles the statement with its parameters, and executes nothing.
        self._run(statement, parameters, before="EXPLAIN ", may_change=not makes_tables, may_make=makes_tables)

    def query(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a reading statement, at most `ROWS_MAX`.

        Raises:
            EffectsRefusedError: it does not compile, it writes, it takes too long, or there are more rows.
        """
        rows = self._run(statement, parameters)
        if len(rows) > ROWS_MAX:
            raise EffectsRefusedError(f"the question has more than {ROWS_MAX:,} rows", hint="Ask for fewer.")
        return rows

    def _run(
        self,
        statement: str,
        parameters: tuple[Any, ...],
        *,
        before: str = "",
        may_change: bool = False,
        may_make: bool = False,
    ) -> list[tuple[Any, ...]]:
        connection = self._take()
        connection.may_change, connection.may_make = may_change, may_make
        try:
            return connection.database.execute(before + statement, parameters).fetchmany(ROWS_MAX + 1)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError, TypeError) as error:
            why = str(error)
            if why == "not authorized":
                why = _MADE if may_make else _WRITTEN if may_change else _READ
            raise EffectsRefusedError(f"{statement[:200]}: {why}") from error
        finally:
            self._give_back(connection)

    def _take(self) -> _Connection:
        with self._lock:
            if self._is_closed:
                raise EffectsRefusedError("the database is closed", hint="Open the engine first.")
            connection = self._idle.pop() if self._idle else _Connection(self._path)
            self._busy.add(connection)
            return connection

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            self._busy.discard(connection)
            if self._is_closed:
                connection.database.close()
            else:
                self._idle.append(connection)


def _plain(name: str | None) -> str:
    return (name or "").lower()


def _stop() -> int:
    return 1
