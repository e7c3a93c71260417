"""The event store on SQLite: group commit, one fenced writer, reads beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite

from aegispay.clock import SystemClock
from aegispay.domain.events import encode
from aegispay.domain.state import PaymentState
from aegispay.errors import EngineClosedError, StoreOpenError, StoreUnavailableError
from aegispay.ports import Append, Clock, Parking, PaymentQuery, RowPage, StoredEvent
from aegispay.storage.batching import Batcher
from aegispay.storage.connection import connect, on_thread, raw
from aegispay.storage.lock import FileLock
from aegispay.storage.migrations import check_version, migrate, raise_epoch
from aegispay.storage.queries import list_statement, write_cursor
from aegispay.storage.rows import EVENT_COLUMNS, from_us, read_event, read_row, to_us
from aegispay.storage.writer import FaultHook, Write, Writer

_COMMIT_MAX = 500
"""Appends per transaction: beyond a few hundred the cost of a commit is spread thin, and callers wait longer."""
_LOAD_MAX = 500
"""Streams read per hop to the reading thread."""
_UNPARKED = "payment_id NOT IN (SELECT payment_id FROM parking)"


class SqliteStore:
    """An `EventStore` in one SQLite file.

    Args:
        path: of the file, made when missing.
        clock: when events are recorded.
        takeover: open the file although another engine holds it; that engine's commits fail from then on.
        read_only: open beside an engine, or after it, to look only.
        faults: for tests: called at ``before_commit`` and ``after_commit`` on the writing thread.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock | None = None,
        takeover: bool = False,
        read_only: bool = False,
        faults: FaultHook | None = None,
    ) -> None:
        self._path = Path(path)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._is_takeover = takeover
        self._is_read_only = read_only
        self._faults = faults
        self._lock = FileLock(self._path)
        self._salt = b""
        self._reader: aiosqlite.Connection | None = None
        self._writing: aiosqlite.Connection | None = None
        self._writer: Writer | None = None
        self._commits: Batcher[Write, int] = Batcher(self._commit, batch_max=_COMMIT_MAX)
        self._loads: Batcher[tuple[str, int], tuple[StoredEvent, ...]] = Batcher(self._load, batch_max=_LOAD_MAX)

    def __repr__(self) -> str:
        """Show the path and whether it is open."""
        return f"<SqliteStore {self._path} {'closed' if self._reader is None else 'open'}>"

    @property
    def salt(self) -> bytes:
        """Secret from which payment ids are derived."""
        return self._salt

    @property
    def commits(self) -> int:
        """How many transactions have been written; fewer than appends when callers write at once."""
        return self._commits.batches

    # --- opening and closing ------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the file, take ownership of it and bring its schema up to date."""
        if self._reader is not None:
            return
        self._check_path()
        if not self._is_read_only:
            self._lock.acquire(now=self._clock.now(), is_takeover=self._is_takeover)
        try:
            await self._connect()
        except BaseException as error:
            await self._disconnect()
            self._lock.release()
            if isinstance(error, sqlite3.Error):
                raise StoreOpenError(f"{self._path} cannot be opened: {error}") from error
            raise

    def _check_path(self) -> None:
        if str(self._path) == ":memory:":
            raise StoreOpenError(":memory: is lost with the process", hint="Use MemoryStore() in tests, or a path.")
        if self._path.is_dir():
            raise StoreOpenError(f"{self._path} is a directory", hint="Name a file in it.")
        if not self._path.parent.is_dir():
            raise StoreOpenError(f"{self._path.parent} does not exist", hint="Make the directory first.")
        if self._is_read_only and not self._path.exists():
            raise StoreOpenError(f"{self._path} does not exist", hint="Check the path.")

    async def _connect(self) -> None:
        if not self._is_read_only:
            self._writing = await connect(self._path)
            self._writer = await on_thread(self._writing, self._prepare, raw(self._writing))
        self._reader = await connect(self._path, read_only=True)
        self._salt = await on_thread(self._reader, self._read_salt, raw(self._reader))

    def _prepare(self, database: sqlite3.Connection) -> Writer:
        migrate(database, str(self._path))
        damage = database.execute("PRAGMA quick_check(1)").fetchone() if _is_small(self._path) else ("ok",)
        if damage[0] != "ok":
            raise StoreOpenError(f"{self._path} is damaged: {damage[0]}")
        return Writer(database, epoch=raise_epoch(database), faults=self._faults)

    def _read_salt(self, database: sqlite3.Connection) -> bytes:
        if check_version(database, str(self._path)) == 0:
            raise StoreOpenError(f"{self._path} is empty")
        return bytes(database.execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()[0])

    async def close(self) -> None:
        """Finish waiting appends, close the file and give it back. Idempotent."""
        await self._commits.drain()
        await self._loads.drain()
        await self._disconnect()
        self._lock.release()

    async def _disconnect(self) -> None:
        connections = (self._reader, self._writing)
        self._reader = self._writing = self._writer = None
        for connection in connections:
            if connection is not None:
                await connection.close()

    # --- the log ------------------------------------------------------------------------------------

    async def append(self, append: Append) -> int:
        """Write events and row in one durable transaction, shared with whoever else writes now."""
        assert append.row.payment_id == append.payment_id, "a row stands for its own payment"
        if self._writer is None:
            raise _closed()
        encoded = tuple((e.type.value, e.schema_version, encode(e).decode()) for e in append.events)
        return await self._commits.ask(Write(append, encoded))

    async def _commit(self, writes: list[Write]) -> list[int | BaseException]:
        if self._writer is None or self._writing is None:
            raise _closed()
        return await on_thread(self._writing, self._writer.commit, writes, to_us(self._clock.now()))

    async def load(self, payment_id: str, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        """Return the payment's events in order; reads that wait together are one hop."""
        return await self._loads.ask((payment_id, after_version))

    async def load_many(self, payment_ids: Sequence[str]) -> dict[str, tuple[StoredEvent, ...]]:
        """Return the events of several payments."""
        streams = await asyncio.gather(*(self.load(payment_id) for payment_id in payment_ids))
        return dict(zip(payment_ids, streams, strict=True))

    async def _load(self, wanted: list[tuple[str, int]]) -> list[tuple[StoredEvent, ...] | BaseException]:
        return [_read_stream(rows) for rows in await self._read(_select_streams, wanted)]

    async def read_all(self, *, after: int = 0, limit: int = 1000) -> tuple[StoredEvent, ...]:
        """Return events of all payments in the order of the log."""
        rows = await self._select(
            f"SELECT {EVENT_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608
            (after, limit),
        )
        return tuple(map(read_event, rows))

    # --- payments -----------------------------------------------------------------------------------

    async def list_payments(self, query: PaymentQuery) -> RowPage:
        """Return a page of rows, newest first."""
        rows = [read_row(values) for values in await self._select(*list_statement(query))]
        page = tuple(rows[: query.limit])
        return RowPage(rows=page, next_cursor=write_cursor(page[-1]) if len(rows) > query.limit else None)

    async def due(self, at: datetime, *, limit: int = 500) -> tuple[str, ...]:
        """Return who must be woken, longest due first."""
        rows = await self._select(
            f"SELECT payment_id FROM payments WHERE wake_at <= ? AND {_UNPARKED} ORDER BY wake_at LIMIT ?",  # noqa: S608
            (to_us(at), limit),
        )
        return tuple(row[0] for row in rows)

    async def unfinished(self) -> tuple[str, ...]:
        """Return who was being processed."""
        rows = await self._select(
            "SELECT payment_id FROM payments WHERE state IN ('authenticated', 'processing') "  # noqa: S608
            f"AND {_UNPARKED} ORDER BY created_at, payment_id",
            (),
        )
        return tuple(row[0] for row in rows)

    async def count_states(self) -> dict[PaymentState, int]:
        """Return how many payments are in each state."""
        rows = await self._select("SELECT state, count(*) FROM payments GROUP BY state", ())
        return {PaymentState(state): count for state, count in rows}

    # --- recovery and parking -----------------------------------------------------------------------

    async def begin_recovery(self, payment_id: str) -> int:
        """Count one more attempt."""
        rows = await self._write(
            "INSERT INTO recoveries VALUES (?, 1) "
            "ON CONFLICT (payment_id) DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
            (payment_id,),
        )
        return int(rows[0][0])

    async def end_recovery(self, payment_id: str) -> None:
        """Forget the attempts."""
        await self._write("DELETE FROM recoveries WHERE payment_id = ?", (payment_id,))

    async def park(self, parking: Parking) -> None:
        """Set the payment aside."""
        await self._write(
            "INSERT INTO parking VALUES (?, ?, ?) ON CONFLICT (payment_id) DO NOTHING",
            (parking.payment_id, parking.cause, to_us(parking.parked_at)),
        )

    async def unpark(self, payment_id: str) -> None:
        """Let the payment go on."""
        await self._write("DELETE FROM parking WHERE payment_id = ?", (payment_id,))
        await self.end_recovery(payment_id)

    async def parked(self) -> tuple[Parking, ...]:
        """Return what is parked, oldest first."""
        rows = await self._select("SELECT payment_id, cause, parked_at FROM parking ORDER BY parked_at", ())
        return tuple(Parking(payment_id=row[0], cause=row[1], parked_at=from_us(row[2])) for row in rows)

    # --- gateways -----------------------------------------------------------------------------------

    async def save_gateway(self, name: str, data: str) -> None:
        """Keep a gateway's state."""
        await self._write(
            "INSERT INTO gateways VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data", (name, data)
        )

    async def load_gateways(self) -> dict[str, str]:
        """Return what was kept."""
        return dict(await self._select("SELECT name, data FROM gateways", ()))

    # --- threads ------------------------------------------------------------------------------------

    async def _select(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        rows: list[Any] = await self._read(_select_all, statement, parameters)
        return rows

    async def _read(self, work: Any, *arguments: Any) -> Any:
        if self._reader is None:
            raise _closed()
        try:
            return await on_thread(self._reader, work, raw(self._reader), *arguments)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the database cannot be read: {error}") from error

    async def _write(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        if self._writer is None or self._writing is None:
            raise _closed()
        return await on_thread(self._writing, self._writer.execute, statement, parameters)


_CHECKED_BYTES_MAX = 8 * 1024 * 1024
"""Files up to this size are checked whole on open; larger ones by `aegispay verify`, which an operator schedules."""


def _is_small(path: Path) -> bool:
    return path.stat().st_size <= _CHECKED_BYTES_MAX


def _closed() -> EngineClosedError:
    return EngineClosedError("the store is not open for this")


def _select_all(database: sqlite3.Connection, statement: str, parameters: Sequence[Any]) -> list[Any]:
    return database.execute(statement, parameters).fetchall()


def _select_streams(database: sqlite3.Connection, wanted: list[tuple[str, int]]) -> list[list[Any]]:
    statement = f"SELECT {EVENT_COLUMNS} FROM events WHERE payment_id = ? AND version > ? ORDER BY version"  # noqa: S608
    return [database.execute(statement, stream).fetchall() for stream in wanted]


def _read_stream(rows: list[Any]) -> tuple[StoredEvent, ...] | BaseException:
    try:
        return tuple(map(read_event, rows))
    except Exception as error:  # noqa: BLE001 - one stream that cannot be read is that stream's answer only
        return error
