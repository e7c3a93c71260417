"""Subscriptions that begin or end while somebody changes their mind."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.actors import AskTimeoutError
from aegispay.delivery_errors import DuplicateSubscriberError
from tests.integration.engine.consumers import Consumer, pay, status
from tests.integration.engine.rig import World, elapse, virtual


@pytest.mark.parametrize("turns", range(14))
@virtual
async def test_a_subscribe_that_is_cancelled_at_any_moment_leaves_nothing_behind(turns) -> None:
    world, given_up, consumer = World(), Consumer(), Consumer()
    async with world.engine() as aegis:
        subscribing = asyncio.ensure_future(aegis.subscribe("*", given_up, name="mailer"))
        for _ in range(turns):
            await asyncio.sleep(0)
        subscribing.cancel()
        result = (await asyncio.gather(subscribing, return_exceptions=True))[0]
        if not isinstance(result, asyncio.CancelledError):
            await aegis.unsubscribe("mailer")
        await elapse(1)
        await aegis.subscribe("*", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(1)
        assert (len(given_up.got), len(consumer.got)) == (0, 4)


@virtual
async def test_a_start_that_took_too_long_can_be_ended() -> None:
    world, consumer, slow = World(), Consumer(), [True]
    deliveries = world.store.deliveries

    async def late(**arguments):
        if slow:
            slow.clear()
            await elapse(40)
        return await deliveries(**arguments)

    world.store.deliveries = late
    async with world.engine() as aegis:
        with pytest.raises(AskTimeoutError):
            await aegis.subscribe("*", consumer, name="mailer")
        await elapse(60)
        await aegis.unsubscribe("mailer")
        await pay(aegis, "a")
        await elapse(10)
        assert consumer.got == []
        await aegis.subscribe("*", consumer, name="mailer")
        await elapse(10)
        assert len(consumer.got) == 4


@virtual
async def test_a_name_is_taken_until_its_running_handlers_have_ended() -> None:
    world, consumer = World(), Consumer(takes_s=2.0)
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(0.5)
        ending = asyncio.ensure_future(aegis.unsubscribe("mailer"))
        await elapse(0.5)
        with pytest.raises(DuplicateSubscriberError, match="is being ended"):
            await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await ending
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await pay(aegis, "b")
        await elapse(5)
        assert (len(consumer.got), consumer.overlaps) == (2, 0)


@virtual
async def test_an_unsubscribe_that_is_cancelled_ends_the_subscription_all_the_same() -> None:
    world, consumer = World(), Consumer(takes_s=2.0)
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await pay(aegis, "a")
        await elapse(0.5)
        ending = asyncio.ensure_future(aegis.unsubscribe("mailer"))
        await elapse(0.5)
        ending.cancel()
        await elapse(5)
        assert (await status(aegis, "mailer")).state == "absent"
        await pay(aegis, "b")
        await elapse(5)
        assert len(consumer.got) == 1
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await elapse(5)
        assert len(consumer.got) == 2
