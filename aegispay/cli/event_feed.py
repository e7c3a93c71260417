"""Reading events out of a database, also while an engine is writing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.payment import Payment
from aegispay.errors import PaymentNotFoundError
from aegispay.outbox.snapshots import Snapshots
from aegispay.ports import StoredEvent

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events to show.

    Attributes:
        interests: their types. payment_id, merchant: whose; ``None`` for anybody's.
        after: only those behind this position. limit: so many at most; ``None`` for all.
    """

    interests: Interests
    payment_id: str | None = None
    merchant: str | None = None
    after: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An event, and its payment as it was right after it."""

    stored: StoredEvent
    payment: Payment


class Log(Protocol):
    """What is read of a store."""

    async def end_position(self) -> int:
        """Return the position of the last event."""
        ...

    async def load(self, payment_id: str, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        """Return a payment's events."""
        ...

    async def load_many(self, payment_ids: Sequence[str]) -> dict[str, tuple[StoredEvent, ...]]:
        """Return the events of several payments."""
        ...

    async def read_all(self, *, after: int = 0, limit: int = 1000) -> tuple[StoredEvent, ...]:
        """Return events of all payments."""
        ...


class Feed:
    """Hands events out page by page.

    Attributes:
        position: every event up to here has been looked at: where to go on.
    """

    def __init__(self, log: Log, wanted: Wanted) -> None:
        self._log = log
        self._wanted = wanted
        self._snapshots = Snapshots(log.load_many)
        self._version = 0
        self._found = 0
        self.position = wanted.after

    @property
    def is_full(self) -> bool:
        """Whether as many events were found as were wanted."""
        return self._found == self._wanted.limit

    async def pages(self, stop: asyncio.Event, *, interval_s: float | None = None) -> AsyncIterator[list[Seen]]:
        """Yield pages of events until the end of the log, the limit, or `stop`.

        Args:
            stop: set it to end after the page that is being handed out.
            interval_s: at the end of the log, look again for more after so many seconds, and never end by that;
                ``None`` to end where the log ended at the beginning.

        Raises:
            PaymentNotFoundError: there is no payment of the wanted id.
        """
        end = None if interval_s is not None else await self._log.end_position()
        while not stop.is_set():
            page = [stored for stored in await self._read() if end is None or stored.position <= end]
            if page:
                yield await self._seen(page)
            if self.is_full or (len(page) < _PAGE and interval_s is None):
                return
            if len(page) < _PAGE and interval_s is not None:
                await _waited(stop, interval_s)

    async def _read(self) -> Sequence[StoredEvent]:
        payment_id = self._wanted.payment_id
        if payment_id is None:
            return await self._log.read_all(after=self.position, limit=_PAGE)
        events = await self._log.load(payment_id, after_version=self._version)
        if not events and self._version == 0:
            raise PaymentNotFoundError(f"there is no payment {payment_id}")
        return events

    async def _seen(self, page: Sequence[StoredEvent]) -> list[Seen]:
        found: list[Seen] = []
        for seen in map(Seen, page, await self._snapshots.after(page)):
            if self._is_wanted(seen):
                found.append(seen)
                self._found += 1
            self.position, self._version = max(self.position, seen.stored.position), seen.stored.version
            if self.is_full:
                break
        return found

    def _is_wanted(self, seen: Seen) -> bool:
        wanted, stored = self._wanted, seen.stored
        return (
            stored.position > wanted.after
            and wanted.interests.wants(stored.event.type)
            and (wanted.merchant is None or seen.payment.merchant == wanted.merchant)
        )


async def _waited(stop: asyncio.Event, interval_s: float) -> None:
    try:
        async with asyncio.timeout(interval_s):
            await stop.wait()
    except TimeoutError:
        return
