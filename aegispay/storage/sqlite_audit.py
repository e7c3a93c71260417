"""What an auditor asks the SQLite store for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from aegispay.errors import StoreError
from aegispay.ports.audit import EventRecord, StatisticsQuery, StatisticsRow
from aegispay.storage.chain import GENESIS
from aegispay.storage.rows import EVENT_COLUMNS, from_us
from aegispay.storage.statistics import StatisticsReader, statistics_statement

RECORDS = (
    f"SELECT {EVENT_COLUMNS}, (SELECT hash FROM events AS earlier WHERE earlier.position < events.position "  # noqa: S608
    "ORDER BY earlier.position DESC LIMIT 1) FROM events WHERE payment_id = ? ORDER BY version"
)


class SqliteAudit:
    """The part of the store that auditors read; the store itself says how to read."""

    _path: Path
    _reader: aiosqlite.Connection | None

    async def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        raise NotImplementedError

    def _unread(self, error: sqlite3.Error) -> StoreError:
        raise NotImplementedError

    def _refused(self) -> StoreError:
        raise NotImplementedError

    async def records(self, payment_id: str) -> tuple[EventRecord, ...]:
        """Return the payment's events as they are kept."""
        return tuple(map(_record, await self._select(RECORDS, (payment_id,))))

    async def statistics(self, query: StatisticsQuery) -> tuple[StatisticsRow, ...]:
        """Count payments by groups, beside everything else."""
        if self._reader is None:
            raise self._refused()
        # What makes no sense is refused before a thread is taken.
        statistics_statement(query)
        reader = StatisticsReader(self._path, query)
        try:
            return await asyncio.to_thread(reader.read)
        except sqlite3.Error as error:
            raise self._unread(error) from error
        finally:
            reader.stop()


def _record(row: tuple[Any, ...]) -> EventRecord:
    position, payment_id, version, event_type, schema_version, data, recorded_at_us, digest, previous = row
    return EventRecord(
        position=position,
        payment_id=payment_id,
        version=version,
        type=event_type,
        schema_version=schema_version,
        data=data,
        recorded_at=from_us(recorded_at_us),
        previous_hash=(GENESIS if previous is None else previous).hex(),
        hash=digest.hex(),
    )
