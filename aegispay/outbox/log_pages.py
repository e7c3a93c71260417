"""The log as all subscribers read it: each page is read and decoded once, however many want it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from aegispay.delivery_errors import UnreadableEventError
from aegispay.errors import CorruptStoreError
from aegispay.outbox.lanes import Logged, Unreadable
from aegispay.ports import EventStore

PAGE = 200
"""Events on a page."""
PAGES_KEPT = 32
"""About ten megabytes: subscribers at the end of the log share pages, those far behind read their own."""


class _Page:
    __slots__ = ("events", "news")

    def __init__(self) -> None:
        self.events: list[Logged] = []
        self.news = -1


class LogPages:
    """A reader of the log with a memory."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        self._news = 0
        self._forgotten = 0
        self._reading = asyncio.Lock()

    def has_news(self) -> None:
        """There may be more events than the last look found."""
        self._news += 1

    def forget(self) -> None:
        """Keep nothing that was read until now: the store reads some of it otherwise from here on."""
        self._forgotten += 1
        self._pages.clear()

    async def after(self, position: int) -> tuple[Logged, ...]:
        """Return some of the events behind `position`, in order; none at the end of the log.

        One that cannot be read has something in its place: it holds up neither those before nor those behind it.

        Raises:
            StoreError: the log cannot be read.
        """
        number, start = divmod(position, PAGE)
        page = self._pages.get(number)
        if page is None or self._may_have_more(page, start):
            async with self._reading:
                page = await self._up_to_date(number, start)
            if len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        if number in self._pages:
            self._pages.move_to_end(number)
        return tuple(page.events[start:])

    async def at(self, position: int) -> Logged:
        """Return the event at `position`; one that could not be read is read again.

        Raises:
            StoreError: the log cannot be read, or there is no such event.
        """
        number, place = divmod(position - 1, PAGE)
        page = self._pages.get(number)
        if page is not None and place < len(page.events):
            known = page.events[place]
            if not isinstance(known, Unreadable):
                return known
        forgotten = -1
        while forgotten != self._forgotten:
            forgotten = self._forgotten
            found = await self._events(position - 1, 1)
        if not found or found[0].position != position:
            raise _missing(position)
        return found[0]

    def _may_have_more(self, page: _Page, start: int) -> bool:
        return start >= len(page.events) and len(page.events) < PAGE and page.news != self._news

    async def _up_to_date(self, number: int, start: int) -> _Page:
        while True:
            page = self._pages.setdefault(number, _Page())
            forgotten = self._forgotten
            if self._may_have_more(page, start):
                await self._read(page, number)
            if forgotten == self._forgotten:
                return page

    async def _read(self, page: _Page, number: int) -> None:
        # What is committed while this reads is found by the next look.
        news, known = self._news, len(page.events)
        first = number * PAGE + known
        more = await self._events(first, PAGE - known)
        for expected, stored in enumerate(more, start=first + 1):
            if stored.position != expected:
                raise _missing(expected)
        page.events.extend(more)
        page.news = news

    async def _events(self, after: int, limit: int) -> list[Logged]:
        found: list[Logged] = []
        wanted = limit
        while wanted > 0:
            start = after + len(found)
            try:
                more = await self._store.read_all(after=start, limit=wanted)
            except UnreadableEventError as error:
                if error.position <= start + 1:
                    found.append(Unreadable.of(error))
                    wanted = limit - len(found)
                else:
                    wanted = error.position - start - 1
                continue
            found += more
            wanted = 0 if len(more) < wanted else limit - len(found)
        return found


def _missing(position: int) -> CorruptStoreError:
    return CorruptStoreError(f"the event at position {position} is missing")
