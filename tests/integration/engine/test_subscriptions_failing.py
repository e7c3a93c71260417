"""Subscriptions whose consumers fail: retries, order, pauses, crashes."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from aegispay import StoreUnavailableError
from aegispay.actors.subscriber import SubscriberActor
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.outbox.statuses import SubscriptionState
from tests.integration.engine.consumers import Consumer, log_ids, pay, status
from tests.integration.engine.rig import World, elapse, order, virtual

QUICK = RetrySchedule(delays_s=(1.0, 1.0), jitter=0.0)


@virtual
async def test_a_failed_event_comes_again_with_growing_pauses() -> None:
    world, times = World(), []

    async def fail(event):
        times.append(asyncio.get_running_loop().time())
        if len(times) < 6:
            raise ConnectionError("not now")

    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", fail, name="mailer")
        await pay(aegis, "a")
        await elapse(60)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert len(pauses) == 5
        for pause, full in zip(pauses, (1, 2, 4, 8, 16), strict=True):
            assert 0.8 * full <= pause <= full + 0.01


@virtual
async def test_later_events_of_a_payment_wait_and_other_payments_go_on() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        bad = (await aegis.create_payment(**order("bad"))).id
        consumer.failing[f"{bad}-2"] = 3
        await aegis.process_payment(bad)
        (good,) = await pay(aegis, "good")
        await elapse(2)
        assert (consumer.versions(bad), consumer.versions(good)) == ([1], [1, 2, 3, 4])
        assert (await status(aegis, "mailer")).waiting == 3
        await elapse(10)
        assert consumer.versions(bad) == [1, 2, 3, 4]
        assert consumer.tried[f"{bad}-3"] == 1
        assert consumer.overlaps == 0
        assert (await status(aegis, "mailer")).waiting == 0


@virtual
async def test_without_order_nothing_waits_for_a_failed_event() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", ordered=False, concurrency=1)
        bad = (await aegis.create_payment(**order("bad"))).id
        consumer.failing[f"{bad}-2"] = 1
        await aegis.process_payment(bad)
        await elapse(5)
        assert consumer.versions(bad) == [1, 3, 4, 2]


@virtual
async def test_back_off_goes_on_after_a_restart() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        bad = (await aegis.create_payment(**order("bad"))).id
        consumer.failing[f"{bad}-1"] = 6
        await elapse(20)
        assert consumer.tried[f"{bad}-1"] == 5
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await elapse(10)
        assert consumer.tried[f"{bad}-1"] == 6
        await elapse(60)
        assert consumer.versions(bad) == [1]


@virtual
async def test_a_consumer_that_is_down_makes_a_backlog_and_no_dead_letters() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", retry=QUICK)
        consumer.is_down = True
        await pay(aegis, *(f"order-{number}" for number in range(100)))
        await elapse(600)
        paused = await status(aegis, "mailer")
        assert (paused.state, paused.dead) == (SubscriptionState.PAUSED, 0)
        assert paused.last_error == "ConnectionError: nobody is there"
        assert paused.lag_events > 250
        assert consumer.tried.total() < 50
        consumer.is_down = False
        await elapse(120)
        running = await status(aegis, "mailer")
        assert (running.state, running.lag_events, running.waiting) == (SubscriptionState.RUNNING, 0, 0)
        assert sorted(consumer.ids) == sorted(await log_ids(world))


@pytest.mark.parametrize("delays_s", [(1.0, 1.0), ()])
@virtual
async def test_tries_while_the_consumer_is_down_use_up_none_of_an_events_tries(delays_s) -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        retry = RetrySchedule(delays_s=delays_s, jitter=0.0)
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=retry, concurrency=1)
        consumer.is_down = True
        ids = await pay(aegis, *(f"order-{number}" for number in range(10)))
        await elapse(3_600)
        before = await status(aegis, "mailer")
        given_up = {letter.event_id[:-2] for letter in await aegis.dead_letters()}
        assert before.state is SubscriptionState.PAUSED
        # Those that showed that the consumer is down were tried before anybody knew.
        assert given_up <= set(ids[:5])
        assert len(given_up) == (5 if not delays_s else 0)
        assert consumer.tried.total() > 60
        consumer.is_down = False
        await elapse(120)
        assert set(ids) - {event.payment_id for event in consumer.got} == given_up


@virtual
async def test_one_bad_payment_is_no_outage() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", retry=RetrySchedule.exponential(tries=50))
        bad = (await aegis.create_payment(**order("bad"))).id
        consumer.failing[f"{bad}-1"] = 30
        await elapse(600)
        assert (await status(aegis, "mailer")).state is SubscriptionState.RUNNING
        assert consumer.tried[f"{bad}-1"] > 10


@virtual
async def test_a_handler_that_takes_too_long_has_failed() -> None:
    world, consumer = World(), Consumer(takes_s=100.0)
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", timeout_s=3.0, retry=QUICK)
        (payment_id,) = await pay(aegis, "a")
        await elapse(20)
        assert consumer.tried[f"{payment_id}-1"] == 3
        (dead,) = await aegis.dead_letters()
        assert dead.error == "did not end within 3 s"


@virtual
async def test_a_handler_that_swallows_its_cancellation_holds_nobody_up() -> None:
    world, got, let_go = World(), [], asyncio.Event()

    async def stubborn(event):
        got.append(event.event_id)
        while event.event.type == "payment.initiated" and not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    async with world.engine(shutdown_s=1.0) as aegis:
        await aegis.subscribe(
            ["payment.initiated", "payment.succeeded"],
            stubborn,
            name="mailer",
            timeout_s=1.0,
            ordered=False,
            concurrency=1,
            retry=QUICK,
        )
        await pay(aegis, "a")
        await elapse(30)
        assert len([each for each in got if each.endswith("-4")]) == 1
        let_go.set()
        await elapse(0)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), BaseException("x")])
@virtual
async def test_whatever_a_handler_raises_is_its_own_failure(error) -> None:
    world, raised, consumer = World(), [], Consumer()

    async def explode(event):
        if not raised:
            raised.append(event)
            raise error
        await consumer(event)

    async with world.engine() as aegis:
        await aegis.subscribe("*", explode, name="mailer")
        await pay(aegis, "a")
        await elapse(5)
        assert sorted(consumer.ids) == sorted(await log_ids(world))
        assert (await status(aegis, "mailer")).last_error.startswith(type(error).__name__)


@virtual
async def test_a_card_number_in_the_words_of_an_error_is_kept_nowhere() -> None:
    world = World()

    async def fail(event):
        raise ValueError("cannot mail 4111 1111 1111 1111")

    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", fail, name="mailer", retry=RetrySchedule(delays_s=()))
        await pay(aegis, "a")
        await elapse(1)
        (dead,) = await aegis.dead_letters()
        assert dead.error == "ValueError: cannot mail [removed]" == (await status(aegis, "mailer")).last_error


@virtual
async def test_a_subscriber_that_crashes_starts_anew_from_its_cursor(monkeypatch) -> None:
    world, consumer, crashes = World(), Consumer(), [3, 6, 9]
    take = SubscriberActor._take

    async def fragile(self):
        crashes[:] = [left - 1 for left in crashes]
        if 0 in crashes:
            raise RuntimeError("a mistake of ours")
        await take(self)

    monkeypatch.setattr(SubscriberActor, "_take", fragile)
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        ids = await pay(aegis, *"abc")
        await elapse(30)
        assert [sorted(set(consumer.versions(each))) for each in ids] == [[1, 2, 3, 4]] * 3
        assert max(crashes) < 0
        assert (await aegis.health()).is_healthy


@virtual
async def test_a_subscriber_that_cannot_stop_crashing_stops_nobody_else(monkeypatch) -> None:
    world, consumer = World(), Consumer()
    take = SubscriberActor._take

    async def broken(self):
        if self._definition.name == "broken":
            raise RuntimeError("a mistake of ours")
        await take(self)

    monkeypatch.setattr(SubscriberActor, "_take", broken)
    async with world.engine() as aegis:
        await aegis.subscribe("*", Consumer(), name="broken")
        await aegis.subscribe("*", consumer, name="mailer")
        await elapse(3_600)
        await pay(aegis, "a")
        await elapse(1)
        assert len(consumer.got) == 4
        assert (await status(aegis, "broken")).last_error == "RuntimeError: a mistake of ours"


@virtual
async def test_a_store_that_fails_for_a_while_costs_nothing_but_time() -> None:
    world, consumer, failing = World(), Consumer(), [True]
    advance = world.store.advance

    async def unavailable(progress):
        if failing:
            raise StoreUnavailableError("the disk is full")
        return await advance(progress)

    world.store.advance = unavailable
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, *"ab")
        await elapse(10)
        assert sorted(consumer.ids) == sorted(await log_ids(world))
        assert (await status(aegis, "mailer")).position == 0
        failing.clear()
        await elapse(5)
        assert (await status(aegis, "mailer")).position == 8
        assert consumer.tried.total() == 8


@virtual
async def test_many_delivered_events_are_one_commit() -> None:
    world, consumer, saved = World(), Consumer(), []
    advance = world.store.advance

    async def counted(progress):
        saved.append(progress)
        return await advance(progress)

    world.store.advance = counted
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, *(f"order-{number}" for number in range(50)))
        await elapse(5)
        assert len(consumer.got) == 200
        assert len(saved) <= 2


@virtual
async def test_while_a_pause_is_over_and_nothing_is_due_nobody_looks_again_and_again(monkeypatch) -> None:
    world, consumer, looks = World(), Consumer(), []
    look = SubscriberActor._look

    async def counted(actor):
        looks.append(actor)
        await look(actor)

    monkeypatch.setattr(SubscriberActor, "_look", counted)
    consumer.is_down = True
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=RetrySchedule(delays_s=(600.0,)))
        await pay(aegis, *"abcdef")
        await elapse(120)
        assert (await status(aegis, "mailer")).state is SubscriptionState.PAUSED
        looks.clear()
        await elapse(60)
        assert len(looks) <= 60 / 5 + 1
        consumer.is_down = False
        await elapse(600)
        assert len(consumer.got) == 6
