"""The contract of every event store: how many open questions there are, and how old."""

from __future__ import annotations

from datetime import timedelta

from aegispay.ports import Doubts
from tests import builders as b
from tests.contracts.stores import CHARGE, DOUBT, Stream, stored, write


@stored
async def test_without_payments_nothing_is_open(store):
    assert await store.doubts() == Doubts(payments=0, oldest_since=None, incidents=0)


@stored
async def test_doubts_and_incidents_are_counted_and_the_oldest_doubt_is_named(store):
    for number, since_s, has_incident in ((1, 30, True), (2, 10, False), (3, None, True), (4, None, False)):
        stream = Stream(number)
        await store.append(stream.create())
        since = None if since_s is None else b.NOW + timedelta(seconds=since_s)
        row = {"in_doubt": since is not None, "doubt_since": since, "has_incident": has_incident}
        await store.append(stream.then(*CHARGE, **row))
    oldest = b.NOW + timedelta(seconds=10)
    assert await store.doubts() == Doubts(payments=2, oldest_since=oldest, incidents=2)


@stored
async def test_a_doubt_that_ended_is_counted_no_more(store):
    old, young = Stream(1), Stream(2)
    await write(store, old, young, steps=(CHARGE,))
    await store.append(old.then(*DOUBT, doubt_since=b.NOW))
    await store.append(young.then(*DOUBT, doubt_since=b.LATER))
    assert await store.doubts() == Doubts(payments=2, oldest_since=b.NOW, incidents=0)
    await store.append(old.then(b.outcome(b.approved())))
    assert await store.doubts() == Doubts(payments=1, oldest_since=b.LATER, incidents=0)
    await store.close()
    await store.open()
    assert await store.doubts() == Doubts(payments=1, oldest_since=b.LATER, incidents=0)


@stored
async def test_a_doubt_counts_from_the_first_answer_that_left_it_open(store):
    stream = Stream()
    await write(store, stream, steps=(CHARGE, DOUBT))
    await store.append(stream.then(b.outcome(b.unknown(), at=b.NOW + timedelta(minutes=5))))
    assert (await store.doubts()).oldest_since == b.NOW
