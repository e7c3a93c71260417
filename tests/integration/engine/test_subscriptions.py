"""Subscriptions: what is handed over, in which order, and from where on."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import EngineClosedError, EventType, ValidationError
from aegispay.delivery_errors import (
    CursorAheadError,
    DuplicateSubscriberError,
    EffectsRefusedError,
    UnknownSubscriberError,
)
from aegispay.outbox.statuses import SubscriptionState
from aegispay.ports.outbox import Subscriber, SubscriberKind
from tests.integration.engine.consumers import Consumer, log_ids, pay, status
from tests.integration.engine.rig import World, elapse, order, virtual


@virtual
async def test_every_event_reaches_a_subscriber_once_and_in_the_order_of_its_payment() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.*", consumer, name="mailer")
        ids = await pay(aegis, "a", "b", "c")
        await elapse(1)
        assert [consumer.versions(payment_id) for payment_id in ids] == [[1, 2, 3, 4]] * 3
        assert sorted(consumer.ids) == sorted(await log_ids(world))


@virtual
async def test_what_is_handed_over_is_the_event_as_it_lies_in_the_log() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(1)
        assert tuple(consumer.got) == await world.store.read_all()


@virtual
async def test_a_subscriber_hears_of_a_commit_within_some_milliseconds() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(0.01)
        assert len(consumer.got) == 4


@pytest.mark.parametrize(
    ("events", "types"),
    [
        ("payment.succeeded", ["payment.succeeded"]),
        (EventType.PAYMENT_INITIATED, ["payment.initiated"]),
        (["payment.succeeded", EventType.PAYMENT_INITIATED], ["payment.initiated", "payment.succeeded"]),
        ("payment.*ed", ["payment.initiated", "payment.authenticated", "payment.succeeded"]),
        ("payment.refund_*", []),
    ],
)
@virtual
async def test_only_the_events_asked_for_are_handed_over(events, types) -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe(events, consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(5)
        assert [each.event.type.value for each in consumer.got] == types
        assert (await status(aegis, "mailer")).lag_events == 0


@virtual
async def test_two_refunds_of_one_payment_are_two_events_with_ids_of_their_own() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe(EventType.REFUND_SUCCEEDED, consumer, name="ledger")
        (payment_id,) = await pay(aegis, "a")
        await aegis.refund_payment(payment_id, idempotency_key="refund-1", amount="10.00")
        await aegis.refund_payment(payment_id, idempotency_key="refund-2", amount="10.00")
        await elapse(1)
        first, second = consumer.got
        assert first.event_id != second.event_id
        assert first.event.operation_id != second.event.operation_id


@pytest.mark.parametrize(("from_", "expected"), [("start", 8), ("now", 4), (0, 8), (3, 5), (4, 4)])
@virtual
async def test_a_new_name_begins_where_it_is_told_to(from_, expected) -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await pay(aegis, "a")
        subscription = await aegis.subscribe("*", consumer, name="mailer", from_=from_)
        await pay(aegis, "b")
        await elapse(1)
        assert len(consumer.got) == expected == 8 - subscription.position


@virtual
async def test_the_next_engine_goes_on_where_the_last_one_ended_whatever_it_is_told() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, "a")
    async with world.engine() as aegis:
        await pay(aegis, "b")
        await aegis.subscribe("*", consumer, name="mailer", from_="start")
        await elapse(1)
        assert sorted(consumer.ids) == sorted(await log_ids(world))


@virtual
async def test_events_committed_while_nobody_subscribed_are_handed_over_later() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
    async with world.engine() as aegis:
        await pay(aegis, "a")
        absent = await status(aegis, "mailer")
        assert (absent.state, absent.lag_events) == (SubscriptionState.ABSENT, 4)
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await elapse(1)
        assert sorted(consumer.ids) == sorted(await log_ids(world))


@virtual
async def test_one_payment_is_handled_one_event_at_a_time_and_many_beside_each_other() -> None:
    world, consumer = World(), Consumer(takes_s=1.0)
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", concurrency=3)
        await pay(aegis, *"abcdef")
        await elapse(20)
        assert len(consumer.got) == 24
        assert (consumer.at_once_most, consumer.overlaps) == (3, 0)


@virtual
async def test_a_slow_subscriber_delays_neither_payments_nor_the_others() -> None:
    world, slow, quick = World(), Consumer(takes_s=25.0), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", slow, name="slow", concurrency=1)
        await aegis.subscribe("*", quick, name="quick")
        began = asyncio.get_running_loop().time()
        await pay(aegis, *"abc")
        assert asyncio.get_running_loop().time() == began
        await elapse(0.1)
        assert len(quick.got) == 12
        assert slow.got == []
        await elapse(10)
        lagging, current = await status(aegis, "slow"), await status(aegis, "quick")
        assert (lagging.lag_events, lagging.lag_s > 9) == (12, True)
        assert (current.lag_events, current.lag_s) == (0, 0.0)


@virtual
async def test_many_subscribers_share_one_reading_of_the_log() -> None:
    world, consumers = World(), [Consumer() for _ in range(20)]
    reads: list[int] = []
    read_all = world.store.read_all

    async def counted(**asked):
        found = await read_all(**asked)
        reads.append(len(found))
        return found

    world.store.read_all = counted
    async with world.engine() as aegis:
        for number, consumer in enumerate(consumers):
            await aegis.subscribe("*", consumer, name=f"reader-{number}")
        await pay(aegis, *"abcdefghij")
        await elapse(1)
        assert [len(consumer.got) for consumer in consumers] == [40] * 20
        assert sum(reads) == 40
        assert len(reads) <= 25


@virtual
async def test_an_ended_subscription_gets_nothing_and_goes_on_later() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(1)
        await aegis.unsubscribe("mailer")
        await pay(aegis, "b")
        await elapse(10)
        assert len(consumer.got) == 4
        await aegis.subscribe("*", consumer, name="mailer")
        await elapse(1)
        assert sorted(consumer.ids) == sorted(await log_ids(world))


@virtual
async def test_a_forgotten_name_is_new_again() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(1)
        await aegis.unsubscribe("mailer", forget=True)
        assert await aegis.subscriptions() == ()
        subscription = await aegis.subscribe("*", consumer, name="mailer", from_="start")
        assert subscription.position == 0


@virtual
async def test_closing_waits_for_handlers_and_keeps_what_they_did() -> None:
    world, consumer = World(), Consumer(takes_s=2.0)
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(0.1)
    assert len(consumer.got) == 1
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await elapse(10)
        assert len(consumer.got) == 1


@virtual
async def test_closing_gives_up_on_handlers_that_take_too_long_and_leaves_nothing_running() -> None:
    world, consumer = World(), Consumer(takes_s=25.0)
    async with world.engine(shutdown_s=5.0) as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(0.1)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0, abs=0.1)
    assert consumer.at_once == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_a_name_is_taken_by_one_subscription_at_a_time() -> None:
    world = World()
    async with world.engine() as aegis:
        await aegis.subscribe("*", Consumer(), name="mailer")
        with pytest.raises(DuplicateSubscriberError, match="'mailer' is running already"):
            await aegis.subscribe("*", Consumer(), name="mailer")


@virtual
async def test_a_name_of_another_kind_of_subscriber_is_taken() -> None:
    world = World()
    async with world.engine() as aegis:
        since = world.clock.now()
        await world.store.add_subscriber(Subscriber(name="shop", kind=SubscriberKind.WEBHOOK, position=0, since=since))
        with pytest.raises(DuplicateSubscriberError, match="kind webhook, not handler"):
            await aegis.subscribe("*", Consumer(), name="shop")


@virtual
async def test_an_unknown_event_type_is_refused_and_the_nearest_named() -> None:
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(ValidationError, match=r"did you mean payment\.succeeded"):
            await aegis.subscribe("payment.suceeded", Consumer(), name="mailer")
        assert await aegis.subscriptions() == ()


async def two(event, transaction):
    pass


async def generator(event):
    yield


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (two, r"takes one argument, the StoredEvent: def handler\(event\)"),
        (lambda: None, "takes one argument"),
        (None, "is no function"),
        (Consumer, "is a class, not an instance"),
        (generator, "is a generator"),
    ],
)
@virtual
async def test_a_handler_that_takes_something_else_is_refused(handler, message) -> None:
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(ValidationError, match=message):
            await aegis.subscribe("*", handler, name="mailer")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"name": ""}, "name"),
        ({"from_": "yesterday"}, "from_"),
        ({"from_": -1}, "from_"),
        ({"from_": True}, "from_"),
        ({"from_": 5}, "from_"),
        ({"concurrency": 0}, "concurrency"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": 86_400}, "timeout_s"),
        ({"ordered": "yes"}, "ordered"),
        ({"transactional": None}, "transactional"),
        ({"retry": 3}, "retry"),
        ({"setup": "CREATE TABLE x (y)"}, "setup"),
        ({"setup": ["CREATE TABLE x (y)"]}, "setup"),
    ],
)
@virtual
async def test_a_setting_that_makes_no_sense_is_refused_by_name(settings, field) -> None:
    world = World()
    async with world.engine() as aegis:
        await pay(aegis, "a")
        with pytest.raises(ValidationError) as refused:
            await aegis.subscribe("*", Consumer(), **{"name": "mailer", **settings})
        assert [error.field for error in refused.value.errors] == [field]
        assert await aegis.subscriptions() == ()


@virtual
async def test_a_cursor_ahead_of_the_log_is_refused() -> None:
    world = World()
    async with world.engine() as aegis:
        since = world.clock.now()
        await world.store.add_subscriber(
            Subscriber(name="mailer", kind=SubscriberKind.HANDLER, position=7, since=since)
        )
        with pytest.raises(CursorAheadError, match="has read up to position 7, but the log ends at 0"):
            await aegis.subscribe("*", Consumer(), name="mailer")
        await aegis.unsubscribe("mailer", forget=True)
        await aegis.subscribe("*", Consumer(), name="mailer")


@virtual
async def test_a_store_without_sql_has_no_transactional_subscribers() -> None:
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(EffectsRefusedError):
            await aegis.subscribe("*", lambda event, transaction: None, name="mailer", transactional=True)
        assert await aegis.subscriptions() == ()


@virtual
async def test_an_unknown_name_cannot_be_ended() -> None:
    world = World()
    async with world.engine() as aegis:
        for forget in (False, True):
            with pytest.raises(UnknownSubscriberError, match="'mailer'"):
                await aegis.unsubscribe("mailer", forget=forget)


@virtual
async def test_a_closed_engine_takes_no_subscriptions() -> None:
    aegis = World().engine()
    with pytest.raises(EngineClosedError):
        await aegis.subscribe("*", Consumer(), name="mailer")


@virtual
async def test_a_handler_may_ask_the_engine() -> None:
    world = World()
    states = []
    async with world.engine() as aegis:

        async def look(event):
            states.append((await aegis.get_payment(event.payment_id)).state.value)

        await aegis.subscribe("payment.succeeded", look, name="mailer")
        await aegis.pay(**order())
        await elapse(1)
        assert states == ["success"]
