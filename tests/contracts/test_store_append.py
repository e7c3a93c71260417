"""The contract of every event store: writing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from aegispay import MemoryStore, SqliteStore
from aegispay.domain import events as e
from aegispay.errors import StoreUnavailableError, VersionConflictError
from aegispay.ports import Append, PaymentQuery
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.rows import to_us
from aegispay.storage.sealing import repeatable_entropy
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, StillClock, Stream, stored, write


@stored
async def test_append_answers_with_the_streams_new_version(store):
    stream = Stream()
    versions = [await store.append(append) for append in stream.all(CHARGE, APPROVE)]
    assert versions == [1, 3, 4]
    assert [event.event.type.value for event in await store.load(stream.id)] == [
        "payment.initiated",
        "payment.authenticated",
        "payment.processing",
        "payment.succeeded",
    ]


@stored
async def test_an_event_comes_back_as_it_was_written(store):
    stream = Stream()
    appends = stream.all(CHARGE, APPROVE)
    for append in appends:
        await store.append(append)
    written = [event for append in appends for event in append.events]
    assert [each.event for each in await store.load(stream.id)] == written


@stored
async def test_versions_and_positions_have_no_gaps(store):
    one, two = Stream(1), Stream(2)
    for append in (one.create(), two.create(), one.then(*CHARGE), two.then(*CHARGE), one.then(*APPROVE)):
        await store.append(append)
    log = await store.read_all()
    assert [each.position for each in log] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.version for each in log if each.payment_id == one.id] == [1, 2, 3, 4]
    assert [each.version for each in log if each.payment_id == two.id] == [1, 2, 3]


@stored
async def test_an_event_has_a_stable_id_of_payment_and_version(store):
    stream = Stream()
    await write(store, stream, steps=(CHARGE,))
    ids = [f"{stream.id}-1", f"{stream.id}-2", f"{stream.id}-3"]
    assert [each.event_id for each in await store.load(stream.id)] == ids
    assert [each.event_id for each in await store.read_all()] == ids


@stored
async def test_an_event_is_recorded_at_the_stores_time(store, clock):
    stream = Stream()
    await store.append(stream.create())
    clock.time += timedelta(minutes=3)
    await store.append(stream.then(*CHARGE))
    recorded = [each.recorded_at for each in await store.load(stream.id)]
    assert recorded == [b.NOW, b.NOW + timedelta(minutes=3), b.NOW + timedelta(minutes=3)]


@pytest.mark.parametrize(("expected", "actual"), [(0, 1), (2, 1), (7, 1)])
@stored
async def test_an_append_at_another_version_than_the_last_is_a_conflict_that_says_both(store, expected, actual):
    stream = Stream()
    await store.append(stream.create())
    late = replace(stream.then(*CHARGE), expected_version=expected)
    with pytest.raises(VersionConflictError) as caught:
        await store.append(late)
    assert (caught.value.payment_id, caught.value.expected, caught.value.actual) == (stream.id, expected, actual)
    assert len(await store.read_all()) == 1


@stored
async def test_an_append_to_a_stream_that_does_not_exist_is_a_conflict_with_version_0(store):
    stream = Stream()
    stream.create()
    with pytest.raises(VersionConflictError) as caught:
        await store.append(stream.then(*CHARGE))
    assert caught.value.actual == 0
    assert await store.load(stream.id) == ()


@stored
async def test_of_two_writers_of_one_version_one_wins_and_the_other_goes_on_after_reading(store):
    stream, other = Stream(), Stream()
    await store.append(stream.create())
    other.create()
    first, second = stream.then(*CHARGE), other.then(b.cancel())
    answers = await asyncio.gather(store.append(first), store.append(second), return_exceptions=True)
    assert sorted(map(type, answers), key=str) == [VersionConflictError, int]
    assert [each.version for each in await store.load(stream.id)] == [1, 2, 3]
    assert await store.append(stream.then(*APPROVE)) == 4


@stored
async def test_one_conflicting_append_fails_alone_and_its_neighbours_commit(store):
    good = [Stream(number) for number in range(1, 6)]
    late = Stream(9)
    await store.append(late.create())
    stale = replace(late.then(*CHARGE), expected_version=0)
    appends = [good[0].create(), good[1].create(), stale, good[2].create(), good[3].create(), good[4].create()]
    answers = await asyncio.gather(*map(store.append, appends), return_exceptions=True)
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [
        1, 1, VersionConflictError, 1, 1, 1,
    ]  # fmt: skip
    assert [each.position for each in await store.read_all()] == [1, 2, 3, 4, 5, 6]


@stored
async def test_a_second_payment_of_one_merchant_and_key_is_refused_alone(store):
    one, two, other_merchant = (
        Stream(1, idempotency_key="k"),
        Stream(2, idempotency_key="k"),
        Stream(3, idempotency_key="k", merchant="another"),
    )
    neighbour = Stream(4)
    appends = [stream.create() for stream in (one, two, other_merchant, neighbour)]
    answers = await asyncio.gather(*map(store.append, appends), return_exceptions=True)
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [
        1, StoreUnavailableError, 1, 1,
    ]  # fmt: skip
    assert two.id in str(answers[1])
    assert await store.load(two.id) == ()
    assert [each.position for each in await store.read_all()] == [1, 2, 3]


@stored
async def test_several_appends_to_one_stream_in_one_moment_are_written_in_order(store):
    stream = Stream()
    appends = stream.all(CHARGE, APPROVE)
    assert await asyncio.gather(*map(store.append, appends)) == [1, 3, 4]
    page = await store.list_payments(PaymentQuery())
    assert [row.state.value for row in page.rows] == ["success"]


@stored
async def test_what_was_acknowledged_is_seen_by_every_read(store):
    stream = Stream()
    for count, append in zip((1, 3, 4), stream.all(CHARGE, APPROVE), strict=True):
        await store.append(append)
        assert len(await store.load(stream.id)) == count
        assert len(await store.read_all()) == count
        assert (await store.list_payments(PaymentQuery())).rows == (append.row,)


@stored
async def test_a_caller_that_goes_away_does_not_stop_its_append(store):
    stream, witness = Stream(1), Stream(2)
    waiting = asyncio.ensure_future(store.append(stream.create()))
    await asyncio.sleep(0)
    waiting.cancel()
    await store.append(witness.create())
    assert len(await store.load(witness.id)) == 1
    assert len(await store.load(stream.id)) in {0, 1}
    assert [each.position for each in await store.read_all()] == list(range(1, len(await store.read_all()) + 1))


@stored
async def test_each_hash_covers_the_event_and_the_hash_before_it(store):
    one, two = Stream(1), Stream(2)
    for append in (one.create(), two.create(), one.then(*CHARGE)):
        await store.append(append)
    data = {each.position: each.data for stream in (one, two) for each in await store.records(stream.id)}
    previous = GENESIS
    for each in await store.read_all():
        previous = link(
            previous,
            position=each.position,
            payment_id=each.payment_id,
            version=each.version,
            event_type=each.event.type.value,
            schema_version=each.event.schema_version,
            recorded_at_us=to_us(each.recorded_at),
            data=data[each.position].encode(),
        )
        assert each.hash == previous.hex()


def test_both_stores_make_the_same_log_of_the_same_appends(tmp_path):
    async def log_of(store):
        await store.open()
        one, two = Stream(1), Stream(2, currency="JPY", amount="100")
        for append in (one.create(), two.create(), one.then(*CHARGE), one.then(*APPROVE), two.then(b.cancel())):
            await store.append(append)
        log = await store.read_all()
        await store.close()
        return log

    in_memory = asyncio.run(log_of(MemoryStore(clock=StillClock(), entropy=repeatable_entropy(b"both"))))
    drawn = repeatable_entropy(b"both")
    on_disk = asyncio.run(log_of(SqliteStore(tmp_path / "payments.db", clock=StillClock(), entropy=drawn)))
    assert len(in_memory) == 6
    assert in_memory == on_disk


def test_an_append_without_events_cannot_be_made():
    append = Stream().create()
    with pytest.raises(ValueError, match="at least one event"):
        replace(append, events=())


def test_an_append_with_the_row_of_another_payment_cannot_be_made():
    with pytest.raises(ValueError, match="stands for"):
        replace(Stream(1).create(), row=Stream(2).create().row)


@stored
async def test_every_change_of_a_row_is_kept(store):
    stream = Stream()
    await write(store, stream, steps=(CHARGE,))
    changed = stream.then(
        *APPROVE,
        in_doubt=True,
        doubt_since=b.LATER + timedelta(microseconds=2),
        has_incident=True,
        captured_minor=3,
        refunded_minor=2,
        gateway="beta",
        updated_at=b.LATER,
        wake_at=b.LATER + timedelta(microseconds=1),
    )
    await store.append(changed)
    assert (await store.list_payments(PaymentQuery())).rows == (changed.row,)


@stored
async def test_an_event_that_cannot_be_encoded_writes_nothing(store):
    class Unknown(e.Event):
        type = e.EventType.PAYMENT_PARKED

    good = Stream().create()
    bad = Append(payment_id=good.payment_id, expected_version=0, events=[*good.events, Unknown(at=b.NOW)], row=good.row)
    with pytest.raises(KeyError):
        await store.append(bad)
    assert await store.read_all() == ()
    assert await store.append(good) == 1
