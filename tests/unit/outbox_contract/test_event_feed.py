"""What `aegispay events` reads: each wanted event once, in order, also while more are being written."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.cli import event_feed
from aegispay.cli.event_feed import Feed, Wanted
from aegispay.domain.deliveries.interests import Interests
from aegispay.errors import PaymentNotFoundError
from tests.integration.engine.rig import World, elapse, order, virtual

EVERYTHING = Interests.everything()


async def read(store, *, interval_s=None, stop=None, **wanted):
    feed = Feed(store, Wanted(interests=wanted.pop("interests", EVERYTHING), **wanted))
    found = [seen async for page in feed.pages(stop or asyncio.Event(), interval_s=interval_s) for seen in page]
    return feed, found


def places(found):
    return [seen.stored.position for seen in found]


async def paid(world, count=3, **more):
    async with world.engine() as aegis:
        return [await aegis.pay(**order(f"order-{number}", **more)) for number in range(count)]


@pytest.mark.parametrize("page", [1, 2, 7, 1_000])
@virtual
async def test_every_event_is_read_once_in_order_with_its_payment_as_it_was_then(monkeypatch, page):
    monkeypatch.setattr(event_feed, "_PAGE", page)
    world = World()
    payments = await paid(world)
    feed, found = await read(world.store)
    assert places(found) == list(range(1, 13)) == list(range(1, feed.position + 1))
    assert all(seen.payment.version == seen.stored.version for seen in found)
    assert {seen.payment.id: seen.payment for seen in found} == {each.id: each for each in payments}


@virtual
async def test_reading_goes_on_behind_a_position():
    world = World()
    await paid(world)
    _, found = await read(world.store, after=5)
    assert places(found) == list(range(6, 13))
    assert found[0].payment.version == found[0].stored.version > 1


@pytest.mark.parametrize("page", [1, 3, 1_000])
@virtual
async def test_in_steps_of_a_limit_every_event_is_read_once(monkeypatch, page):
    monkeypatch.setattr(event_feed, "_PAGE", page)
    world = World()
    await paid(world)
    after, found, types = 0, [], Interests.parse(["payment.initiated", "payment.succeeded"])
    for _ in range(3):
        feed, more = await read(world.store, after=after, limit=2, interests=types)
        assert feed.is_full
        found, after = found + more, feed.position
    assert [(seen.stored.event.type.value) for seen in found].count("payment.succeeded") == 3
    assert len({seen.stored.event_id for seen in found}) == 6
    feed, more = await read(world.store, after=after, limit=2, interests=types)
    assert (more, feed.is_full) == ([], False)


@virtual
async def test_only_events_of_one_payment_are_read():
    world = World()
    payments = await paid(world)
    _, found = await read(world.store, payment_id=payments[1].id)
    assert [seen.stored.version for seen in found] == [1, 2, 3, 4]
    assert {seen.payment.id for seen in found} == {payments[1].id}
    _, rest = await read(world.store, payment_id=payments[1].id, after=found[1].stored.position)
    assert [seen.stored.version for seen in rest] == [3, 4]


@virtual
async def test_only_events_of_one_merchant_are_read():
    world = World()
    await paid(world, 2, merchant="one")
    await paid(world, 1, merchant="two")
    _, found = await read(world.store, merchant="two")
    assert {seen.payment.merchant for seen in found} == {"two"}
    assert len(found) == 4


@virtual
async def test_a_payment_that_is_not_there_is_refused():
    world = World()
    await paid(world, 1)
    with pytest.raises(PaymentNotFoundError, match="there is no payment pay_nobody"):
        await read(world.store, payment_id="pay_nobody")


@virtual
async def test_what_is_written_while_reading_without_following_is_left_for_the_next_time(monkeypatch):
    monkeypatch.setattr(event_feed, "_PAGE", 2)
    world = World()
    await paid(world, 1)
    feed = Feed(world.store, Wanted(interests=EVERYTHING))
    found = []
    async for page in feed.pages(asyncio.Event()):
        if not found:
            async with world.engine() as aegis:
                await aegis.pay(**order("another"))
        found += page
    assert places(found) == [1, 2, 3, 4]


@pytest.mark.parametrize("one", [False, True], ids=["all", "one payment"])
@virtual
async def test_following_reads_what_is_written_meanwhile_until_it_is_stopped(one):
    world = World()
    (first,) = await paid(world, 1)
    stop = asyncio.Event()
    following = asyncio.ensure_future(
        read(world.store, interval_s=5.0, stop=stop, payment_id=first.id if one else None)
    )
    async with world.engine() as aegis:
        for number in range(2, 4):
            await elapse(7)
            await aegis.pay(**order(f"late-{number}"))
            await aegis.refund_payment(first.id, amount="1.00", idempotency_key=f"refund-{number}")
        await elapse(7)
    assert not following.done()
    stop.set()
    feed, found = await following
    written = await world.store.load(first.id) if one else await world.store.read_all()
    assert [seen.stored for seen in found] == list(written)
    assert feed.position == written[-1].position


@virtual
async def test_following_ends_at_the_limit():
    world = World()
    await paid(world, 1)
    feed, found = await read(world.store, interval_s=1.0, limit=3)
    assert (places(found), feed.position, feed.is_full) == ([1, 2, 3], 3, True)


@virtual
async def test_a_stop_ends_it_after_the_page(monkeypatch):
    monkeypatch.setattr(event_feed, "_PAGE", 4)
    world = World()
    await paid(world)
    stop = asyncio.Event()
    feed = Feed(world.store, Wanted(interests=EVERYTHING))
    async for _ in feed.pages(stop):
        stop.set()
    assert feed.position == 4
