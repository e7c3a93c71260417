"""The contract of every event store: reading the log, timers, counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay.domain.state import PaymentState
from aegispay.errors import ValidationError
from aegispay.ports import Parking
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, Stream, stored, write


@stored
async def test_a_payment_that_does_not_exist_has_no_events(store):
    assert await store.load("pay_none") == ()
    assert await store.load_many(["pay_none"]) == {"pay_none": ()}


@pytest.mark.parametrize(("after", "versions"), [(0, [1, 2, 3, 4]), (1, [2, 3, 4]), (4, []), (9, [])])
@stored
async def test_load_goes_on_after_a_version(store, after, versions):
    stream = Stream()
    await write(store, stream, steps=(CHARGE, APPROVE))
    assert [each.version for each in await store.load(stream.id, after_version=after)] == versions


@stored
async def test_load_many_gives_each_payment_its_own_events(store):
    one, two, three = Stream(1), Stream(2), Stream(3)
    await write(store, one, two, steps=(CHARGE,))
    await write(store, three)
    found = await store.load_many([three.id, one.id, "pay_none"])
    assert {name: [each.version for each in events] for name, events in found.items()} == {
        three.id: [1],
        one.id: [1, 2, 3],
        "pay_none": [],
    }
    assert await store.load_many([]) == {}


@stored
async def test_load_many_of_a_page_of_payments(store):
    streams = [Stream(number) for number in range(1, 701)]
    for stream in streams[:5]:
        await store.append(stream.create())
    found = await store.load_many([stream.id for stream in streams])
    assert list(found) == [stream.id for stream in streams]
    assert [len(events) for events in found.values()] == [1] * 5 + [0] * 695


@pytest.mark.parametrize(
    ("after", "limit", "positions"), [(0, 3, [1, 2, 3]), (3, 3, [4, 5, 6]), (6, 9, []), (5, 9, [6])]
)
@stored
async def test_read_all_pages_through_the_log(store, after, limit, positions):
    await write(store, Stream(1), Stream(2), steps=(CHARGE,))
    assert [each.position for each in await store.read_all(after=after, limit=limit)] == positions


@pytest.mark.parametrize("limit", [0, -1])
@stored
async def test_a_limit_below_one_is_refused(store, limit):
    with pytest.raises(ValidationError, match="limit"):
        await store.read_all(limit=limit)
    with pytest.raises(ValidationError, match="limit"):
        await store.due(b.NOW, limit=limit)


@stored
async def test_due_are_those_whose_time_has_come_longest_first(store):
    at = b.NOW + timedelta(hours=1)
    wakes = {1: 0, 2: -5, 3: 1, 4: None, 5: -5}
    for number, seconds in wakes.items():
        wake_at = None if seconds is None else at + timedelta(seconds=seconds)
        await store.append(Stream(number).then(b.create(idempotency_key=f"order-{number}"), wake_at=wake_at))
    expected = tuple(Stream(number).id for number in (2, 5, 1))
    assert await store.due(at) == expected
    assert await store.due(at, limit=2) == expected[:2]
    assert await store.due(at - timedelta(microseconds=1)) == expected[:2]
    assert await store.due(b.NOW) == ()


@stored
async def test_a_payment_that_was_woken_and_went_on_is_due_no_more(store):
    stream = Stream()
    await write(store, stream, steps=(CHARGE,))
    assert await store.due(b.NOW + timedelta(days=1)) == (stream.id,)
    await store.append(stream.then(*APPROVE))
    assert await store.due(b.NOW + timedelta(days=10_000)) == ()


@stored
async def test_unfinished_are_those_being_processed_the_most_urgent_first(store):
    authenticated, doubtful, processing = Stream(3, after_s=1), Stream(2, after_s=3), Stream(1, after_s=2)
    await write(store, authenticated, steps=((b.authenticate(),),))
    await write(store, doubtful, steps=(CHARGE, DOUBT))
    await write(store, processing, steps=(CHARGE,))
    await write(store, Stream(4))
    await write(store, Stream(5), steps=(CHARGE, APPROVE))
    await write(store, Stream(6), steps=((b.cancel(),),))
    assert await store.unfinished() == (authenticated.id, doubtful.id, processing.id)


@stored
async def test_unfinished_payments_whose_timer_is_set_for_later_can_be_left_out(store):
    at = b.NOW + timedelta(hours=1)
    first, second, untimed = Stream(1), Stream(2), Stream(3)
    for stream, wake_at in ((second, at + timedelta(seconds=1)), (first, at), (untimed, None)):
        await store.append(stream.create())
        await store.append(stream.then(*CHARGE, wake_at=wake_at))
    assert sorted(await store.unfinished(due_by=at - timedelta(microseconds=1))) == [untimed.id]
    assert sorted(await store.unfinished(due_by=at)) == [first.id, untimed.id]
    assert sorted(await store.unfinished()) == [first.id, second.id, untimed.id]


@stored
async def test_what_is_parked_is_neither_due_nor_unfinished(store):
    parked, free = Stream(1), Stream(2)
    await write(store, parked, free, steps=(CHARGE,))
    await store.park(Parking(payment_id=parked.id, cause="crash", parked_at=b.NOW))
    assert await store.due(b.LATER) == (free.id,)
    assert await store.due(b.LATER, limit=1) == (free.id,)
    assert await store.unfinished() == (free.id,)


@stored
async def test_states_are_counted(store):
    assert await store.count_states() == {}
    await write(store, Stream(1), Stream(2))
    await write(store, Stream(3), steps=(CHARGE,))
    await write(store, Stream(4), Stream(5), Stream(6), steps=(CHARGE, APPROVE))
    assert await store.count_states() == {
        PaymentState.INITIATED: 2,
        PaymentState.PROCESSING: 1,
        PaymentState.SUCCESS: 3,
    }
