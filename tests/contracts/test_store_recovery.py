"""The contract of every event store: recoveries, parking, gateways, salt."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from aegispay.ports import Parking, PaymentQuery
from tests import builders as b
from tests.contracts.stores import Stream, stored, write


@stored
async def test_recoveries_are_counted_for_each_payment(store):
    assert await store.begin_recoveries(["a", "b"]) == {"a": 1, "b": 1}
    assert await store.begin_recoveries(["b", "c"]) == {"b": 2, "c": 1}
    assert await store.begin_recoveries([]) == {}
    assert await store.begin_recoveries(["b", "b"]) == {"b": 3}


@stored
async def test_a_recovery_that_succeeded_starts_the_count_again(store):
    await store.begin_recoveries(["a", "b"])
    await store.end_recovery("a")
    await store.end_recovery("never begun")
    assert await store.begin_recoveries(["a", "b"]) == {"a": 1, "b": 2}


@stored
async def test_recoveries_are_still_counted_after_a_restart(store):
    await store.begin_recoveries(["a"])
    await store.close()
    await store.open()
    assert await store.begin_recoveries(["a"]) == {"a": 2}


@stored
async def test_what_is_parked_is_listed_oldest_first_and_survives_a_restart(store):
    third = Parking(payment_id="c", cause="later", parked_at=b.NOW + timedelta(seconds=1))
    first = Parking(payment_id="a", cause="x" * 500, parked_at=b.NOW)
    second = Parking(payment_id="b", cause="", parked_at=b.NOW, is_review=True)
    for parking in (third, second, first):
        await store.park(parking)
    await store.close()
    await store.open()
    assert await store.parked() == (first, second, third)


@stored
async def test_parking_twice_keeps_the_first_cause(store):
    first = Parking(payment_id="a", cause="first", parked_at=b.NOW)
    await store.park(first)
    await store.park(Parking(payment_id="a", cause="second", parked_at=b.LATER))
    assert await store.parked() == (first,)


@stored
async def test_unparking_lets_the_payment_go_on_and_resets_its_recoveries(store):
    stream = Stream()
    await write(store, stream, steps=((b.authenticate(),),))
    await store.begin_recoveries([stream.id])
    await store.park(Parking(payment_id=stream.id, cause="c", parked_at=b.NOW))
    await store.unpark(stream.id)
    await store.unpark(stream.id)
    assert await store.parked() == ()
    assert await store.unfinished() == (stream.id,)
    assert await store.begin_recoveries([stream.id]) == {stream.id: 1}


@stored
async def test_a_gateways_state_is_kept_by_name_and_the_last_one_counts(store):
    assert await store.load_gateways() == {}
    await store.save_gateway("alpha", '{"state": "closed"}')
    await store.save_gateway("beta", "{}")
    await store.save_gateway("alpha", '{"state": "open"}')
    await store.close()
    await store.open()
    assert await store.load_gateways() == {"alpha": '{"state": "open"}', "beta": "{}"}


@stored
async def test_of_saves_in_one_moment_the_last_one_counts(store):
    await asyncio.gather(*(store.save_gateway("alpha", str(number)) for number in range(20)))
    assert await store.load_gateways() == {"alpha": "19"}


@stored
async def test_the_salt_is_32_bytes_and_the_same_after_a_restart(store):
    salt = store.salt
    assert len(salt) == 32
    await store.close()
    await store.open()
    assert store.salt == salt


@stored
async def test_the_log_and_the_rows_are_the_same_after_a_restart(store):
    stream = Stream()
    await write(store, stream, steps=((b.authenticate(),),))
    log, page = await store.read_all(), await store.list_payments(PaymentQuery())
    await store.close()
    await store.open()
    assert await store.read_all() == log
    assert await store.list_payments(PaymentQuery()) == page
    assert await store.append(stream.then(b.start())) == 3


@stored
async def test_opening_and_closing_twice_changes_nothing(store):
    await store.open()
    await write(store, Stream())
    await store.close()
    await store.close()
    await store.open()
    assert len(await store.read_all()) == 1
