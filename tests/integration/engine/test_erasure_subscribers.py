"""What subscribers are handed after a customer was erased, and what is kept of what they said."""

from __future__ import annotations

from aegispay.domain.deliveries.schedule import RetrySchedule
from tests.integration.engine.consumers import Consumer, pay, status
from tests.integration.engine.rig import World, elapse, order, virtual

ADA = {"id": "cust-1", "name": "Ada Lovelace", "email": "ada@example.com"}
ASKED = {"operator": "olga", "reason": "asked for it"}
ONCE = RetrySchedule(delays_s=(), jitter=0.0)
AGAIN = RetrySchedule(delays_s=(10.0,), jitter=0.0)


def names(consumer):
    return [event.event.request.customer.name for event in consumer.got]


async def ada_pays(aegis, key="ada"):
    return (await aegis.pay(**order(key, customer=ADA))).id


class Talker(Consumer):
    """Says whom it failed to serve."""

    async def __call__(self, event) -> None:
        if self.takes_s:
            await elapse(self.takes_s)
        if self.is_down:
            raise ConnectionError(f"cannot write to {event.event.request.customer.name}")
        self.got.append(event)


@virtual
async def test_a_dead_letter_that_is_replayed_after_the_erasure_says_nothing_of_the_customer():
    world, consumer = World(), Consumer()
    consumer.is_down = True
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=ONCE)
        payment_id = await ada_pays(aegis)
        await elapse(1)
        await aegis.erase_customer("cust-1", **ASKED)
        consumer.is_down = False
        await aegis.replay_dead_letter("mailer", f"{payment_id}-1", operator="olga")
        await elapse(1)
        assert names(consumer) == [None]


@virtual
async def test_a_retry_after_the_erasure_says_nothing_of_the_customer():
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=AGAIN)
        consumer.is_down = True
        await ada_pays(aegis)
        await elapse(1)
        consumer.is_down = False
        await aegis.erase_customer("cust-1", **ASKED)
        await elapse(20)
        assert names(consumer) == [None]


@virtual
async def test_what_waits_for_a_slow_subscriber_is_read_again():
    world, consumer = World(), Consumer(takes_s=1.0)
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", concurrency=1)
        before = await ada_pays(aegis, "handed over before")
        await elapse(0.1)
        for key in ("a", "b", "c"):
            await ada_pays(aegis, key)
        (other,) = await pay(aegis, "somebody else's")
        await elapse(0.1)
        await aegis.erase_customer("cust-1", **ASKED)
        await elapse(10)
        got = {event.payment_id: event.event.request.customer for event in consumer.got}
        assert got.pop(before).name == "Ada Lovelace"
        assert got.pop(other) is None
        assert [customer.name for customer in got.values()] == [None, None, None]
        assert [event.position for event in consumer.got] == sorted(event.position for event in consumer.got)


@virtual
async def test_who_subscribes_after_the_erasure_gets_events_without_the_customer():
    world, early, late = World(), Consumer(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", early, name="early")
        await ada_pays(aegis)
        await elapse(1)
        await aegis.erase_customer("cust-1", **ASKED)
        await aegis.subscribe("payment.initiated", late, name="late", from_="start")
        await elapse(1)
        assert (names(early), names(late)) == (["Ada Lovelace"], [None])


@virtual
async def test_what_a_handler_says_that_had_the_event_when_the_customer_was_erased_is_not_kept():
    world, consumer = World(), Talker(takes_s=5.0)
    consumer.is_down = True
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=ONCE)
        await ada_pays(aegis)
        await elapse(1)
        await aegis.erase_customer("cust-1", **ASKED)
        await elapse(10)
        (letter,) = await aegis.dead_letters()
        assert (letter.error, (await status(aegis, "mailer")).last_error) == ("ConnectionError", "ConnectionError")


@virtual
async def test_what_was_said_before_the_erasure_is_not_written_after_it():
    world, consumer = World(), Talker()
    consumer.is_down = True
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=ONCE)
        await ada_pays(aegis)
        await elapse(0.1)
        assert await aegis.dead_letters() == ()
        assert (await status(aegis, "mailer")).last_error == "ConnectionError: cannot write to Ada Lovelace"
        await aegis.erase_customer("cust-1", **ASKED)
        await elapse(1)
        (letter,) = await aegis.dead_letters()
        assert (letter.error, (await status(aegis, "mailer")).last_error) == ("", "ConnectionError")
