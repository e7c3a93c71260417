"""The erasure of customers in the SQLite store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiosqlite

from aegispay.errors import StoreError
from aegispay.ports import Clock
from aegispay.ports.privacy import Erasure, ErasureRecord
from aegispay.storage import erasures
from aegispay.storage.connection import on_thread, raw
from aegispay.storage.erasures import Erase, sweep
from aegispay.storage.queries import checked_limit
from aegispay.storage.rows import to_us
from aegispay.storage.writer import Request

_PAGE = 200
"""Payments counted per hop to the reading thread, so that other reads come in between."""


class SqlitePrivacy:
    """The part of the store that forgets customers; the store itself says how to read and write."""

    _clock: Clock
    _writing: aiosqlite.Connection | None

    async def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        raise NotImplementedError

    async def _read(self, work: Any, *arguments: Any) -> Any:
        raise NotImplementedError

    async def _ask(self, request: Request) -> Any:
        raise NotImplementedError

    def _refused(self) -> StoreError:
        raise NotImplementedError

    async def erase_customer(self, customer_id: str, *, merchant: str, operator: str, reason: str) -> Erasure:
        """Make the personal data of a customer's payments unreadable."""
        await self._ask(Erase((merchant, customer_id), to_us(self._clock.now()), operator, reason))
        is_swept = await self._sweep()
        rows = await self._select(erasures.PAYMENTS, (customer_id, merchant))
        payment_ids = tuple(payment_id for (payment_id,) in rows)
        events = plain_events = 0
        for start in range(0, len(payment_ids), _PAGE):
            erased, plain = await self._read(erasures.count, payment_ids[start : start + _PAGE])
            events += erased
            plain_events += plain
        return Erasure(payment_ids=payment_ids, events=events, plain_events=plain_events, is_swept=is_swept)

    async def _sweep(self) -> bool:
        if self._writing is None:
            raise self._refused()
        return await on_thread(self._writing, sweep, raw(self._writing))

    async def erasures(self, *, limit: int = 100) -> tuple[ErasureRecord, ...]:
        """Return what was erased, newest first."""
        return tuple(map(erasures.read_record, await self._select(erasures.RECORDS, (checked_limit(limit),))))
