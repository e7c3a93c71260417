"""The contract of every event store: many at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from aegispay.domain import commands as c
from aegispay.domain.evolve import replay
from aegispay.domain.outcome import Reason
from aegispay.errors import VersionConflictError
from aegispay.ports import PaymentQuery
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, Stream, stored


@stored
async def test_hundreds_of_payments_written_at_once_are_each_whole_and_in_order(store):
    streams = [Stream(number) for number in range(1, 301)]

    async def live(stream):
        return [await store.append(append) for append in stream.all(CHARGE, APPROVE)]

    assert await asyncio.gather(*map(live, streams)) == [[1, 3, 4]] * 300
    log = await store.read_all(limit=2_000)
    assert [each.position for each in log] == list(range(1, 1_201))
    found = await store.load_many([stream.id for stream in streams])
    assert all([each.version for each in events] == [1, 2, 3, 4] for events in found.values())
    assert (await store.count_states()).items() == {streams[0].payment.state: 300}.items()


@stored
async def test_of_many_writers_of_one_version_exactly_one_wins(store):
    await store.append(Stream().create())

    def rival():
        stream = Stream()
        stream.create()
        return stream.then(*CHARGE)

    answers = await asyncio.gather(*(store.append(rival()) for _ in range(200)), return_exceptions=True)
    kinds = Counter(answer if isinstance(answer, int) else type(answer) for answer in answers)
    assert kinds == {3: 1, VersionConflictError: 199}
    assert [each.version for each in await store.load(Stream().id)] == [1, 2, 3]


@stored
async def test_writers_of_one_stream_that_read_again_after_a_conflict_all_get_their_turn(store):
    stream = Stream()
    await store.append(stream.create())
    wanted = [f"incident-{number}" for number in range(15)]

    async def open_incident(name):
        command = c.OpenIncident(at=b.NOW, incident_id=name, reason=Reason.AMOUNT_MISMATCH, detail="d")
        while True:
            mine = Stream()
            mine.payment = replay(stream.id, [each.event for each in await store.load(stream.id)])
            try:
                return await store.append(mine.then(command))
            except VersionConflictError:
                continue

    versions = await asyncio.gather(*map(open_incident, wanted))
    assert sorted(versions) == list(range(2, 17))
    events = await store.load(stream.id)
    assert [each.version for each in events] == list(range(1, 17))
    assert {each.event.incident_id for each in events[1:]} == set(wanted)


@stored
async def test_reads_beside_writes_see_whole_appends_only(store):
    streams = [Stream(number) for number in range(1, 41)]
    pairs = [[stream.create(), stream.then(*CHARGE)] for stream in streams]
    lengths = set()

    async def live(pair):
        for append in pair:
            await store.append(append)

    async def watch():
        while not writing.done():
            found = await store.load_many([stream.id for stream in streams])
            lengths.update(len(events) for events in found.values())

    writing = asyncio.ensure_future(asyncio.gather(*map(live, pairs)))
    await watch()
    await writing
    assert lengths <= {0, 1, 3}
    assert len(lengths) > 1


@stored
async def test_a_page_of_rows_never_runs_ahead_of_the_log(store):
    streams = [Stream(number) for number in range(1, 31)]
    writing = asyncio.ensure_future(asyncio.gather(*(store.append(stream.create()) for stream in streams)))
    while not writing.done():
        await asyncio.sleep(0)
        rows = (await store.list_payments(PaymentQuery(limit=100))).rows
        found = await store.load_many([row.payment_id for row in rows])
        assert all(found.values())
    assert len((await store.list_payments(PaymentQuery(limit=100))).rows) == 30
