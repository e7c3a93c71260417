"""Rows come to the loop from a thread: in order, bounded, and stoppable at any time."""

from __future__ import annotations

import asyncio
import io
import threading

import pytest

from aegispay.cli.feed import Feed


async def everything(feed):
    taken = []
    while items := await feed.take():
        taken += items
    return taken


def test_items_arrive_in_order():
    async def run():
        feed = Feed(range(1_000))
        feed.start()
        return await everything(feed)

    assert asyncio.run(run()) == list(range(1_000))


def test_nothing_to_read_is_the_end():
    async def run():
        feed = Feed([])
        feed.start()
        return await feed.take()

    assert asyncio.run(run()) == []


def test_what_reading_raised_is_raised_after_the_items_before_it():
    def items():
        yield 1
        raise OSError("the pipe broke")

    async def run():
        feed = Feed(items())
        feed.start()
        first = await feed.take()
        with pytest.raises(OSError, match="the pipe broke"):
            await feed.take()
        return first

    assert asyncio.run(run()) == [1]


def test_it_reads_no_further_ahead_than_it_may():
    read = []
    full = threading.Event()

    def items():
        for number in range(100):
            read.append(number)
            if number == 3:
                full.set()
            yield number

    async def run():
        feed = Feed(items(), ahead_max=3)
        feed.start()
        await asyncio.to_thread(full.wait)
        assert read == [0, 1, 2, 3]
        return await everything(feed)

    assert asyncio.run(run()) == list(range(100))


def test_a_read_that_never_returns_stops_nobody():
    blocked = threading.Event()

    def items():
        yield 1
        blocked.wait()

    async def run():
        feed = Feed(items())
        feed.start()
        first = await feed.take()
        waiting = asyncio.ensure_future(feed.take())
        feed.stop()
        return first, await waiting

    try:
        assert asyncio.run(run()) == ([1], [])
    finally:
        blocked.set()


def test_the_source_is_closed_when_reading_is_over():
    source = io.BytesIO(b"")

    async def run():
        feed = Feed([1], source=source)
        feed.start()
        await everything(feed)
        feed._reader.join()
        feed.close()

    asyncio.run(run())

    assert source.closed


def test_the_source_is_left_open_while_a_read_waits_in_it():
    source = io.BytesIO(b"")
    blocked = threading.Event()

    def items():
        blocked.wait()
        yield 1

    async def run():
        feed = Feed(items(), source=source)
        feed.start()
        feed.stop()
        feed.close()
        assert not source.closed
        blocked.set()
        await asyncio.to_thread(feed._reader.join)

    asyncio.run(run())


def test_a_feed_that_was_never_started_closes_its_source():
    source = io.BytesIO(b"")

    Feed([], source=source).close()

    assert source.closed
