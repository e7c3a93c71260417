"""The event store on SQLite: group commit, one fenced writer, reads beside it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite

from aegispay.clock import SystemClock
from aegispay.domain.state import PaymentState
from aegispay.errors import (
    CorruptStoreError,
    StoreError,
    StoreLockedError,
    StoreOpenError,
    StoreUnavailableError,
)
from aegispay.ports import (
    Append,
    Clock,
    ConfigurationRecord,
    Doubts,
    InboxEntry,
    Parking,
    PaymentQuery,
    Receipt,
    RowPage,
    StoredEvent,
)
from aegispay.storage import configurations, marks
from aegispay.storage import statements as sql
from aegispay.storage.appends import prepare
from aegispay.storage.batching import Batcher
from aegispay.storage.connection import BUSY_S, connect, on_thread, raw
from aegispay.storage.erasures import sweep
from aegispay.storage.foreign_sql import ForeignSql
from aegispay.storage.inbox_rows import entry_values, read_sound_entries
from aegispay.storage.location import locate
from aegispay.storage.lock import FileLock
from aegispay.storage.measured import MeasuredCommits
from aegispay.storage.migrations import check_version, migrate, raise_epoch
from aegispay.storage.queries import checked_limit, list_statement, write_cursor
from aegispay.storage.rows import from_us, read_event, read_row, to_us
from aegispay.storage.sealing import Entropy
from aegispay.storage.sqlite_audit import SqliteAudit
from aegispay.storage.sqlite_outbox import SqliteOutbox
from aegispay.storage.sqlite_privacy import SqlitePrivacy
from aegispay.storage.standing import SqliteStanding
from aegispay.storage.streams import select_log, select_streams
from aegispay.storage.writer import FaultHook, Request, Statements, Writer

_COMMIT_MAX = 500
"""Requests per transaction: beyond a few hundred the cost of a commit is spread thin, and callers wait longer."""
_LOAD_MAX = 500
"""Streams read per hop to the reading thread."""
_CHECKED_BYTES_MAX = 8 * 1024 * 1024
"""Files up to this size are checked whole on open; larger ones by `aegispay verify`, which an operator schedules."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteStore(MeasuredCommits, SqliteOutbox, SqliteAudit, SqlitePrivacy, SqliteStanding):
    """An `EventStore` in one SQLite file.

    Args:
        path: of the file, made when missing.
        clock: when events are recorded.
        takeover: open the file although another engine holds it; that engine's commits fail from then on.
        read_only: open beside an engine, or after it, to look only.
        busy_s: how long a commit waits for another program that has locked the file, in seconds.
        faults: for tests: called at ``before_commit`` and ``after_commit`` of each transaction, on the writing thread.
        entropy: where keys of customers and nonces come from; another one is for tests only.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock | None = None,
        takeover: bool = False,
        read_only: bool = False,
        busy_s: float = BUSY_S,
        faults: FaultHook | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._given_path = path
        self._path = Path(path)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._is_takeover = takeover
        self._is_read_only = read_only
        self._busy_s = busy_s
        self._faults = faults
        self._entropy = entropy
        self._foreign = ForeignSql(self._path)
        self._lock: FileLock | None = None
        self._salt = b""
        self._reader: aiosqlite.Connection | None = None
        self._writing: aiosqlite.Connection | None = None
        self._writer: Writer | None = None
        self._is_closing = False
        self._commits: Batcher[Request, Any] = Batcher(self._commit, batch_max=_COMMIT_MAX)
        self._loads: Batcher[tuple[str, int], tuple[StoredEvent, ...]] = Batcher(self._load, batch_max=_LOAD_MAX)

    def __repr__(self) -> str:
        """Show the path and whether it is open."""
        return f"<SqliteStore {self._path} {'closed' if self._reader is None else 'open'}>"

    @property
    def salt(self) -> bytes:
        """Secret from which payment ids are derived."""
        return self._salt

    # --- opening and closing ------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the file, take ownership of it and bring its schema up to date."""
        if self._reader is not None:
            return
        self._path = locate(self._given_path, must_exist=self._is_read_only)
        self._is_closing = False
        try:
            if not self._is_read_only:
                self._lock = FileLock(self._path)
                self._lock.acquire(now=self._clock.now(), is_takeover=self._is_takeover)
                self._writing = await connect(self._path, busy_s=self._busy_s)
                self._writer = await on_thread(self._writing, self._prepare, raw(self._writing))
            self._reader = await connect(self._path, read_only=True, busy_s=self._busy_s)
            self._salt = await on_thread(self._reader, self._read_salt, raw(self._reader))
            self._foreign = ForeignSql(self._path)
        except BaseException as error:
            await self._disconnect()
            if isinstance(error, sqlite3.Error):
                raise self._not_opened(error) from error
            raise

    def _not_opened(self, error: sqlite3.Error) -> StoreOpenError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return StoreLockedError(
                f"{self._path} is in the middle of another process's write",
                hint="Wait for that process, or end it if it is frozen: only its end frees the file.",
            )
        return StoreOpenError(f"{self._path} cannot be opened: {error}")

    def _prepare(self, database: sqlite3.Connection) -> Writer:
        migrate(database, str(self._path))
        if self._path.stat().st_size <= _CHECKED_BYTES_MAX:
            damage = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise StoreOpenError(f"{self._path} is damaged: {damage}", hint="Restore a backup.")
        # What is removed or written over is gone from its page.
        database.execute("PRAGMA secure_delete=ON")
        epoch = raise_epoch(database)
        sweep(database)
        return Writer(database, path=str(self._path), epoch=epoch, faults=self._faults)

    def _read_salt(self, database: sqlite3.Connection) -> bytes:
        check_version(database, str(self._path))
        return bytes(database.execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()[0])

    async def close(self) -> None:
        """Finish waiting writes, close the file and give it back. Idempotent."""
        self._is_closing = True
        await self._commits.drain()
        await self._loads.drain()
        await self._disconnect()

    async def _disconnect(self) -> None:
        connections = (self._reader, self._writing)
        self._reader = self._writing = self._writer = None
        self._foreign.close()
        for connection in connections:
            if connection is not None:
                await connection.close()
        if self._lock is not None:
            self._lock.release()

    # --- the log ------------------------------------------------------------------------------------

    async def append(self, append: Append) -> int:
        """Write events and row in one durable transaction, shared with whoever else writes now."""
        version: int = await self._ask(prepare(append, self._entropy))
        return version

    async def count_marks(self, keys: Sequence[str], *, since: datetime) -> dict[str, int]:
        """Return how many marks each key has after `since`."""
        return dict(await self._select(marks.COUNT, (to_us(since), json.dumps(list(keys)))))

    async def load(self, payment_id: str, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        """Return the payment's events in order; reads that wait together are one hop."""
        return await self._loads.ask((payment_id, after_version))

    async def load_many(self, payment_ids: Sequence[str]) -> dict[str, tuple[StoredEvent, ...]]:
        """Return the events of several payments."""
        streams = await asyncio.gather(*(self.load(payment_id) for payment_id in payment_ids))
        return dict(zip(payment_ids, streams, strict=True))

    async def _load(self, wanted: list[tuple[str, int]]) -> list[tuple[StoredEvent, ...] | BaseException]:
        return [self._read_stream(rows) for rows in await self._read(select_streams, wanted)]

    def _read_stream(self, rows: list[Any] | Exception) -> tuple[StoredEvent, ...] | BaseException:
        if isinstance(rows, Exception):
            return self._unread(rows) if isinstance(rows, sqlite3.Error) else rows
        try:
            return tuple(map(read_event, rows))
        except CorruptStoreError as error:
            return error

    async def read_all(self, *, after: int = 0, limit: int = 1000) -> tuple[StoredEvent, ...]:
        """Return events of all payments in the order of the log."""
        return tuple(map(read_event, await self._read(select_log, after, checked_limit(limit))))

    # --- payments -----------------------------------------------------------------------------------

    async def list_payments(self, query: PaymentQuery) -> RowPage:
        """Return a page of rows, newest first."""
        rows = [read_row(values) for values in await self._select(*list_statement(query))]
        page = tuple(rows[: query.limit])
        return RowPage(rows=page, next_cursor=write_cursor(page[-1]) if len(rows) > query.limit else None)

    async def due(self, at: datetime, *, limit: int = 500) -> tuple[str, ...]:
        """Return who must be woken, longest due first."""
        return tuple(row[0] for row in await self._select(sql.DUE, (to_us(at), checked_limit(limit))))

    async def unfinished(self, *, due_by: datetime | None = None) -> tuple[str, ...]:
        """Return who was being processed."""
        return tuple(row[0] for row in await self._select(sql.UNFINISHED, (None if due_by is None else to_us(due_by),)))

    async def count_states(self) -> dict[PaymentState, int]:
        """Return how many payments are in each state."""
        try:
            return {PaymentState(state): count for state, count in await self._select(sql.COUNT_STATES)}
        except ValueError as error:
            raise CorruptStoreError(f"{self._path} is damaged: {error}") from error

    async def doubts(self) -> Doubts:
        """Count what is in doubt or has an incident."""
        ((payments, oldest_us, incidents),) = await self._select(sql.DOUBTS)
        since = None if oldest_us is None else from_us(oldest_us)
        return Doubts(payments=payments, oldest_since=since, incidents=incidents)

    # --- recovery and parking -----------------------------------------------------------------------

    async def recoveries(self) -> dict[str, int]:
        """Return the attempts so far."""
        return dict(await self._select(sql.RECOVERIES))

    async def begin_recoveries(self, payment_ids: Sequence[str]) -> dict[str, int]:
        """Count one more attempt each."""
        distinct = tuple(dict.fromkeys(payment_ids))
        if not distinct:
            return {}
        counted = await self._write(*((sql.COUNT_RECOVERY, (payment_id,)) for payment_id in distinct))
        return {payment_id: rows[0][0] for payment_id, rows in zip(distinct, counted, strict=True)}

    async def end_recovery(self, payment_id: str) -> None:
        """Forget the attempts."""
        await self._write((sql.END_RECOVERY, (payment_id,)))

    async def park(self, parking: Parking) -> None:
        """Set the payment aside."""
        await self._write((sql.PARK, (parking.payment_id, parking.cause, to_us(parking.parked_at), parking.is_review)))

    async def unpark(self, payment_id: str) -> None:
        """Let the payment go on."""
        await self._write((sql.UNPARK, (payment_id,)), (sql.END_RECOVERY, (payment_id,)))

    async def parked(self) -> tuple[Parking, ...]:
        """Return what is parked, oldest first."""
        rows = await self._select(sql.PARKED)
        return tuple(
            Parking(payment_id=row[0], cause=row[1], parked_at=from_us(row[2]), is_review=bool(row[3])) for row in rows
        )

    # --- notifications ------------------------------------------------------------------------------

    async def receive(self, entry: InboxEntry) -> Receipt:
        """Keep a notification that is new."""
        known = (entry.gateway, entry.notification.id)
        new, digests = await self._write((sql.RECEIVE, entry_values(entry)), (sql.DIGEST, known))
        if new:
            return Receipt.STORED
        return Receipt.DUPLICATE if digests == [(entry.digest,)] else Receipt.CONFLICT

    async def inbox_due(self, at: datetime, *, limit: int = 500) -> tuple[InboxEntry, ...]:
        """Return what is due; what cannot be read is left out, and named by `verify`."""
        return read_sound_entries(await self._select(sql.INBOX_DUE, (to_us(at), checked_limit(limit))))

    async def inbox_merged(self, gateway: str, notification_id: str) -> None:
        """Offer it no more."""
        await self._write((sql.MERGED, (gateway, notification_id)))

    async def inbox_postpone(self, gateway: str, notification_id: str, *, due_at: datetime | None) -> None:
        """Offer it again later, or never."""
        if due_at is None:
            await self._write((sql.GIVE_UP, (gateway, notification_id)))
        else:
            await self._write((sql.POSTPONE, (to_us(due_at), gateway, notification_id)))

    # --- gateways -----------------------------------------------------------------------------------

    async def save_gateway(self, name: str, data: str) -> None:
        """Keep a gateway's state."""
        await self._write((sql.SAVE_GATEWAY, (name, data)))

    async def load_gateways(self) -> dict[str, str]:
        """Return what was kept."""
        return dict(await self._select(sql.LOAD_GATEWAYS))

    # --- configuration ------------------------------------------------------------------------------

    async def save_configuration(self, record: ConfigurationRecord) -> bool:
        """Keep a revision."""
        (written,) = await self._write((configurations.SAVE, configurations.save_values(record)))
        return bool(written)

    async def load_configuration(self, revision: int | None = None) -> ConfigurationRecord | None:
        """Return a revision."""
        named = (configurations.LATEST, ()) if revision is None else (configurations.LOAD, (revision,))
        rows = await self._select(*named)
        return configurations.read_record(rows[0]) if rows else None

    async def list_configurations(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[ConfigurationRecord, ...]:
        """Return revisions, newest first."""
        end = configurations.REVISION_MAX if before is None else before
        rows = await self._select(configurations.PAGE, (end, checked_limit(limit)))
        return tuple(map(configurations.read_record, rows))

    # --- threads ------------------------------------------------------------------------------------

    async def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        rows: list[Any] = await self._read(_select_all, statement, parameters)
        return rows

    async def _read(self, work: Any, *arguments: Any) -> Any:
        if self._reader is None:
            raise self._refused()
        try:
            return await on_thread(self._reader, work, raw(self._reader), *arguments)
        except sqlite3.Error as error:
            raise self._unread(error) from error

    def _unread(self, error: sqlite3.Error) -> StoreError:
        # Text that is no UTF-8 is found by the driver, which has no code for it.
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGED:
            return CorruptStoreError(f"{self._path} is damaged: {error}")
        return StoreUnavailableError(f"{self._path} cannot be read: {error}")

    async def _write(self, *statements: tuple[str, tuple[Any, ...]]) -> list[list[Any]]:
        rows: list[list[Any]] = await self._ask(Statements(statements))
        return rows

    async def _ask(self, request: Request) -> Any:
        if self._writer is None or self._is_closing:
            raise self._refused()
        return await self._commits.ask(request)

    async def _commit(self, requests: list[Request]) -> list[Any]:
        if self._writer is None or self._writing is None:
            raise self._refused()
        return await on_thread(self._writing, self._writer.commit, requests, to_us(self._clock.now()))

    def _refused(self) -> StoreError:
        if self._is_read_only and self._reader is not None:
            return StoreUnavailableError(
                f"{self._path} is open for reading only; nothing was written", hint="Open it without read_only."
            )
        return StoreUnavailableError(f"{self._path} is not open; nothing was written", hint="Open the store first.")


def _select_all(database: sqlite3.Connection, statement: str, parameters: Sequence[Any]) -> list[Any]:
    return database.execute(statement, parameters).fetchall()
