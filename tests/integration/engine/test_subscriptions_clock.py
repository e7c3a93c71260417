"""The machine's clock is set while subscriptions wait for something."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aegispay import MemoryStore
from aegispay.domain.deliveries.schedule import RetrySchedule
from tests.integration.engine.consumers import Consumer, pay, status
from tests.integration.engine.rig import World, elapse, virtual


class SetClock:
    """A clock that somebody sets."""

    def __init__(self, clock):
        self._clock = clock
        self.off = timedelta(0)

    def now(self):
        return self._clock.now() + self.off

    def monotonic(self):
        return self._clock.monotonic()


class Set(World):
    def __init__(self):
        super().__init__()
        self.clock: Any = SetClock(self.clock)
        self.store = MemoryStore(clock=self.clock)


@virtual
async def test_a_clock_that_is_set_back_prolongs_no_pause() -> None:
    world, consumer = Set(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        consumer.is_down = True
        await pay(aegis, *"abcdef")
        await elapse(1)
        assert (await status(aegis, "mailer")).state == "paused"
        world.clock.off = timedelta(hours=-3)
        consumer.is_down = False
        await elapse(20)
        assert len(consumer.got) == 6
        assert (await status(aegis, "mailer")).state == "running"


@virtual
async def test_a_clock_that_is_set_back_puts_no_retry_off() -> None:
    world, consumer = Set(), Consumer()
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=RetrySchedule(delays_s=(10.0,)))
        consumer.is_down = True
        await pay(aegis, "a")
        await elapse(1)
        world.clock.off = timedelta(hours=-3)
        consumer.is_down = False
        await elapse(20)
        assert len(consumer.got) == 1


@virtual
async def test_what_a_wrong_clock_put_off_for_years_is_tried_at_the_next_start() -> None:
    world, consumer = Set(), Consumer()
    consumer.is_down = True
    world.clock.off = timedelta(days=3_000)
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer", retry=RetrySchedule(delays_s=(10.0,)))
        await pay(aegis, "a")
        await elapse(1)
    world.clock.off = timedelta(0)
    consumer.is_down = False
    async with world.engine() as aegis:
        await aegis.subscribe("payment.initiated", consumer, name="mailer")
        await elapse(1)
        assert len(consumer.got) == 1
