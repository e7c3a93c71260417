"""Situations of docs/scenarios.md about events out and operation that no other test shows as a whole."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta

import pytest

from aegispay import (
    AegisPay,
    AegisPayError,
    Declined,
    DeclineKind,
    EngineStateError,
    FencedError,
    GatewayError,
    IdempotencyConflictError,
    JsonLinesSink,
    MemoryStore,
    PaymentState,
    PaymentTimeoutError,
    Reason,
    RequestError,
    RetrySchedule,
    SimulatedGateway,
    SqliteStore,
    StoreLockedError,
    StoreUnavailableError,
    UnknownGatewayError,
    ValidationError,
)
from aegispay.storage.verify import verify
from tests.integration.command import aegispay
from tests.integration.engine.consumers import Consumer, log_ids, pay, status
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual


async def until_read(aegis, name, position):
    """Wait until the position of a subscription is saved."""
    async with asyncio.timeout(30):
        while (await aegis.subscriptions())[0].position < position:
            await asyncio.to_thread(lambda: None)
    assert (await status(aegis, name)).position == position


@virtual
async def test_90_repetitions_conflicts_and_who_is_waiting_are_counted():
    world = World(latency_s=5.0)
    async with world.engine() as aegis:
        waiting = [asyncio.ensure_future(aegis.pay(**order("a"))) for _ in range(10)]
        await elapse(1)
        assert (await aegis.metrics()).requests == 10
        (payment, *_) = await asyncio.gather(*waiting)
        with pytest.raises(IdempotencyConflictError):
            await aegis.create_payment(**order("a", amount="99.00"))
        await pay(aegis, "b")
        for _ in range(3):
            await aegis.refund_payment(payment.id, idempotency_key="r", amount="10.00")
        with pytest.raises(IdempotencyConflictError):
            await aegis.refund_payment(payment.id, idempotency_key="r", amount="11.00")
        now = await aegis.metrics()
    assert now.repetitions == {"same": 9 + 2, "conflict": 2}
    assert (now.payments["initiated"], now.requests) == (2, 0)


@virtual
async def test_105_after_ten_tries_an_event_is_a_dead_letter_somebody_is_told_and_it_can_be_had_again(caplog):
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        (payment_id,) = await pay(aegis, "a")
        consumer.failing[event_id := f"{payment_id}-1"] = 10
        await elapse(600)
        (letter,) = await aegis.dead_letters()
        assert (letter.event_id, letter.tries, letter.error) == (event_id, 10, "ConnectionError: not now")
        await aegis.replay_dead_letter("mailer", event_id, operator="kim")
        await elapse(1)
        assert (consumer.ids, await aegis.dead_letters()) == ([event_id], ())
    said = [getattr(record, "aegispay", {}) for record in caplog.records if record.levelno == logging.ERROR]
    assert [(each["event"], each["event_id"], each["tries"]) for each in said] == [("delivery_dead", event_id, 10)]


@virtual
async def test_106_after_a_consumer_was_down_for_hours_everything_comes_in_order():
    world, consumer = World(), Consumer()
    consumer.is_down = True
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer")
        ids = await pay(aegis, *(f"morning-{number}" for number in range(10)))
        await elapse(timedelta(hours=3).total_seconds())
        ids += await pay(aegis, *(f"evening-{number}" for number in range(10)))
        behind = await status(aegis, "mailer")
        consumer.is_down = False
        await elapse(300)
        done = await status(aegis, "mailer")
    assert behind.dead == 0
    assert behind.lag_events + behind.waiting >= 80
    assert (done.lag_events, done.waiting, done.dead) == (0, 0, 0)
    assert sorted(consumer.ids) == sorted(await log_ids(world))
    assert [consumer.versions(payment_id) for payment_id in ids] == [[1, 2, 3, 4]] * 20


def test_107_of_two_engines_only_the_one_that_owns_the_log_hands_events_on_each_of_them_once(tmp_path):
    path = tmp_path / "payments.db"

    async def run():
        first, second = Consumer(), Consumer()
        old = AegisPay(path, gateways=[SimulatedGateway("alpha")])
        await old.open()
        await old.subscribe("*", first, name="mailer")
        await pay(old, *"abc")
        await until_read(old, "mailer", 12)
        with pytest.raises(StoreLockedError):
            await AegisPay(path, gateways=[SimulatedGateway("alpha")]).open()
        async with AegisPay(SqliteStore(path, takeover=True), gateways=[SimulatedGateway("alpha")]) as new:
            await new.subscribe("*", second, name="mailer")
            with pytest.raises(FencedError):
                await old.pay(**order("d"))
            await pay(new, *"ef")
            await until_read(new, "mailer", 20)
            log = [stored.event_id for stored in await new._store.read_all(limit=100)]
            await old.close()
        return first, second, log

    first, second, log = asyncio.run(run())
    assert sorted(first.ids) == sorted(log[:12])
    assert sorted(second.ids) == sorted(log[12:])


@virtual
async def test_109_a_store_that_cannot_be_read_makes_no_more_readers_and_no_busy_loop():
    world, consumer, failing, reads = World(), Consumer(), [True], []
    read_all = world.store.read_all

    async def counted(**asked):
        reads.append(asked)
        if failing:
            raise StoreUnavailableError("the disk is busy")
        return await read_all(**asked)

    world.store.read_all = counted
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", from_="start")
        await pay(aegis, *"ab")
        await elapse(10)
        tasks, before = len(asyncio.all_tasks()), len(reads)
        await elapse(600)
        assert len(asyncio.all_tasks()) == tasks
        assert 0 < len(reads) - before <= 601
        assert consumer.got == []
        failing.clear()
        await elapse(5)
        assert sorted(consumer.ids) == sorted(await log_ids(world))
        assert consumer.tried.total() == 8


@virtual
async def test_112_a_subscription_says_what_is_behind_under_way_delivered_failed_and_given_up():
    world, consumer = World(), Consumer(takes_s=3.0)
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", concurrency=1, retry=RetrySchedule(delays_s=()))
        dead = (await aegis.create_payment(**order("dead"))).id
        consumer.failing[f"{dead}-1"] = 1
        await elapse(4)
        await aegis.process_payment(dead)
        await pay(aegis, "good")
        await elapse(4)
        now = await status(aegis, "mailer")
        assert (now.delivered, now.failed, now.dead, now.waiting, now.running) == (1, 1, 1, 3, 1)
        assert (now.end, now.position, now.lag_events) == (8, 5, 3)
        assert now.lag_s == pytest.approx(4.0, abs=0.1)
        assert now.last_error == "ConnectionError: not now"


@virtual
async def test_113_what_was_committed_before_anybody_listened_is_handed_over_within_two_seconds():
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.create_payment(**order())
        await elapse(60)
        subscription = await aegis.subscribe("*", consumer, name="mailer", from_="start")
        assert subscription.position == 0
        await elapse(2)
        assert [event.event.type for event in consumer.got] == ["payment.initiated"]
        assert (await status(aegis, "mailer")).lag_events == 0


@virtual
async def test_116_what_is_important_has_a_subscription_of_its_own_and_waits_for_no_flood():
    world, flooded, urgent = World(), Consumer(takes_s=10.0), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("*", flooded, name="everything", concurrency=1)
        await aegis.subscribe("payment.refunded", urgent, name="urgent")
        await pay(aegis, *(f"order-{number}" for number in range(50)))
        (refunded,) = await pay(aegis, "refunded")
        await aegis.refund_payment(refunded, idempotency_key="refund-1")
        await elapse(0.1)
        assert [event.payment_id for event in urgent.got] == [refunded]
        assert flooded.got == []


HOSTILE = "'); DROP TABLE events; -- \x1b[2J\x1b]0;owned\x07\nlevel=error\r\n{payment.id} %(message)s ${HOME} <script>"
SHOWN_BY = ["show", "export", "export --personal", "events", "events --format json", "events --format cloudevents"]


def test_163_what_others_wrote_is_data_wherever_it_goes(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path, lines = tmp_path / "payments.db", tmp_path / "events.jsonl"

    async def says(request):
        return Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code=HOSTILE[:60], message=HOSTILE)

    async def run():
        async with AegisPay(path, gateways=[Adapter(says, name="alpha")]) as aegis:
            await aegis.subscribe("*", JsonLinesSink(lines), name="lines")
            payment = await aegis.pay(**order(metadata={"note": HOSTILE, HOSTILE: "note"}))
            await until_read(aegis, "lines", 5)
            return payment, await aegis.get_payment(payment.id)

    payment, read = asyncio.run(run())
    assert dict(read.metadata) == {"note": HOSTILE, HOSTILE: "note"}
    assert (read.failure, read.failure.message) == (payment.failure, HOSTILE)
    assert verify(path).problems == ()
    assert [json.loads(line)["sequence"] for line in lines.read_bytes().splitlines()] == [1, 2, 3, 4, 5]
    shown = [record.getMessage() for record in caplog.records]
    assert [line for line in shown if not line.isprintable()] == []
    for command in SHOWN_BY:
        words = [*command.split(), payment.id] if command.startswith(("show", "export")) else command.split()
        done = aegispay(tmp_path, *words)
        assert done.returncode == 0
        assert [line for line in done.stdout.split("\n") if not line.isprintable() or line.startswith("level=")] == []


@virtual
async def test_170_a_caller_tells_problems_apart_by_type_and_code_without_reading_a_text():
    world = World("alpha")
    slow = Adapter(lambda request: elapse(60), name="slow")
    async with world.engine(slow, answer_timeout_s=1) as aegis:

        async def problem(**changes):
            with pytest.raises(AegisPayError) as caught:
                await aegis.pay(**order(**changes))
            return caught.value

        wrong = await problem(key="wrong", amount="-1")
        assert isinstance(wrong, ValidationError)
        assert [each.field for each in wrong.errors] == ["amount"]
        unknown = await problem(key="unknown", gateway="gamma")
        assert isinstance(unknown, UnknownGatewayError | ValidationError)
        late = await problem(key="late", gateway="slow")
        assert isinstance(late, PaymentTimeoutError)
        await aegis.pay(**order("used"))
        conflict = await problem(key="used", amount="1.00")
        assert isinstance(conflict, IdempotencyConflictError)
        families = [RequestError, GatewayError, EngineStateError]
        assert [[isinstance(error, family) for family in families] for error in (wrong, late, conflict)] == [
            [True, False, False],
            [False, False, True],
            [True, False, False],
        ]
        declined = await aegis.pay(**order("declined", token="tok_declined"))
        assert (declined.state, declined.failure.reason) == (PaymentState.FAILURE, Reason.DO_NOT_HONOR)
        doubtful = await aegis.get_payment_by_idempotency_key("late")
        assert doubtful.state is PaymentState.PROCESSING


def test_170_problems_of_the_store_are_a_family_of_their_own():
    async def run():
        store = MemoryStore()
        async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:

            async def full(*arguments, **keywords):
                raise StoreUnavailableError("no space left")

            store.append = full
            with pytest.raises(StoreUnavailableError) as caught:
                await aegis.pay(**order())
            return caught.value

    assert not isinstance(asyncio.run(run()), RequestError | GatewayError | EngineStateError)
