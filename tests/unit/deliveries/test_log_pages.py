import asyncio

import pytest

from aegispay import CorruptStoreError
from aegispay.outbox import log_pages
from aegispay.outbox.log_pages import PAGE, LogPages


class Stored:
    def __init__(self, position):
        self.position = position


class Log:
    """A log that counts how it is read."""

    def __init__(self, count):
        self.events = [Stored(position) for position in range(1, count + 1)]
        self.reads = []

    async def read_all(self, *, after=0, limit=1000):
        await asyncio.sleep(0)
        found = tuple(stored for stored in self.events if stored.position > after)[:limit]
        self.reads.append((after, len(found)))
        return found


async def positions(pages, after):
    return [stored.position for stored in await pages.after(after)]


def test_a_reader_gets_the_rest_of_the_page_it_stands_on():
    async def main():
        pages = LogPages(Log(PAGE + 50))
        assert await positions(pages, 0) == list(range(1, PAGE + 1))
        assert await positions(pages, 7) == list(range(8, PAGE + 1))
        assert await positions(pages, PAGE) == list(range(PAGE + 1, PAGE + 51))
        assert await positions(pages, PAGE + 50) == []

    asyncio.run(main())


def test_many_readers_at_the_same_time_are_one_reading():
    async def main():
        log = Log(50)
        pages = LogPages(log)
        found = await asyncio.gather(*(positions(pages, 0) for _ in range(20)))
        assert found == [list(range(1, 51))] * 20
        assert log.reads == [(0, 50)]

    asyncio.run(main())


def test_the_end_is_looked_at_again_only_when_there_may_be_news():
    async def main():
        log = Log(3)
        pages = LogPages(log)
        await pages.after(0)
        log.events += [Stored(4), Stored(5)]
        assert await positions(pages, 3) == []
        pages.has_news()
        assert await positions(pages, 3) == [4, 5]
        assert await positions(pages, 5) == []
        assert log.reads == [(0, 3), (3, 2)]

    asyncio.run(main())


def test_news_that_come_while_it_reads_are_not_missed():
    async def main():
        log = Log(3)
        pages = LogPages(log)
        reading = asyncio.ensure_future(pages.after(0))
        await asyncio.sleep(0)
        pages.has_news()
        await reading
        log.events.append(Stored(4))
        assert await positions(pages, 3) == [4]

    asyncio.run(main())


def test_no_more_pages_are_kept_than_said(monkeypatch):
    monkeypatch.setattr(log_pages, "PAGES_KEPT", 2)

    async def main():
        log = Log(5 * PAGE)
        pages = LogPages(log)
        for number in range(5):
            assert len(await pages.after(number * PAGE)) == PAGE
        assert len(pages._pages) == 2
        await pages.after(4 * PAGE)
        assert len(log.reads) == 5
        await pages.after(0)
        assert len(log.reads) == 6

    asyncio.run(main())


def test_one_event_is_found_on_its_page_or_read_alone():
    async def main():
        log = Log(10)
        pages = LogPages(log)
        assert (await pages.at(4)).position == 4
        assert log.reads == [(3, 1)]
        await pages.after(0)
        assert (await pages.at(10)).position == 10
        assert len(log.reads) == 2

    asyncio.run(main())


def test_a_missing_event_is_named():
    async def main():
        log = Log(10)
        del log.events[4]
        with pytest.raises(CorruptStoreError, match="position 5 is missing"):
            await LogPages(log).after(0)
        with pytest.raises(CorruptStoreError, match="position 5 is missing"):
            await LogPages(log).at(5)
        with pytest.raises(CorruptStoreError, match="position 11 is missing"):
            await LogPages(log).at(11)

    asyncio.run(main())


def test_what_was_read_before_it_had_to_forget_is_read_again():
    async def main():
        log = Log(3)
        pages = LogPages(log)
        await pages.after(0)
        pages.forget()
        assert (await pages.at(2)).position == 2
        assert await positions(pages, 0) == [1, 2, 3]
        assert log.reads == [(0, 3), (1, 1), (0, 3)]

    asyncio.run(main())


@pytest.mark.parametrize(("read", "reads"), [("after", [(0, 3), (0, 3)]), ("at", [(1, 1), (1, 1)])])
def test_what_is_being_read_when_it_has_to_forget_is_read_again(read, reads):
    async def main():
        log = Log(3)
        pages = LogPages(log)
        reading = asyncio.ensure_future(pages.after(0) if read == "after" else pages.at(2))
        await asyncio.sleep(0)
        pages.forget()
        await reading
        assert log.reads == reads

    asyncio.run(main())
