"""Three days of tries, restarts and faults of the store, on virtual time, with a wire that does as it is told."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from datetime import timedelta

import pytest

from aegispay import AegisPay, AegisPayConfig
from aegispay.actors import subscriber
from aegispay.errors import CommitUnknownError, StoreUnavailableError
from aegispay.outbox.webhooks import registry
from aegispay.outbox.webhooks.answer import Answer
from aegispay.outbox.webhooks.endpoint import WEBHOOK_RETRY, WebhookEndpoint, new_webhook_secret
from aegispay.storage.memory import MemoryStore
from tests.integration.engine.rig import World, elapse, order, virtual

DAY_S = 86_400
ENDPOINT = WebhookEndpoint(name="shop", url="https://shop.example.com/hooks", secrets=(new_webhook_secret(),))


class Wire:
    """Takes the place of every endpoint's sender: answers with the status that `say` returns."""

    def __init__(self, clock, say=lambda _: 200):
        self.clock = clock
        self.say = say
        self.posts = []

    async def check(self):
        return None

    async def post(self, event_id, body, *, headers=None):
        self.posts.append((event_id, body, self.clock.now()))
        status = self.say(event_id)
        if status is None:
            await asyncio.Event().wait()
        return Answer(status=status, latency_s=0.1)

    async def close(self):
        return None

    @property
    def ids(self):
        return [event_id for event_id, _, _ in self.posts]


@pytest.fixture
def wires(monkeypatch):
    """Return a function that lets a wire take the place of the network."""
    # Nobody looks every few seconds of three days.
    monkeypatch.setattr(subscriber, "_POLL_S", 7_200.0)

    def use(clock, **how):
        wire = Wire(clock, **how)
        monkeypatch.setattr(registry, "_sender", lambda endpoint, clock: wire)
        return wire

    return use


def mute_engine(world):
    """Return an engine without gateways: theirs are the clocks that tick every second."""
    config = AegisPayConfig(wake_interval_s=7_200.0)
    return AegisPay(world.store, clock=world.clock, config=config, random_source=random.Random(7))


async def paid(world, count=1):
    """Return payments that an engine without endpoints has made."""
    async with world.engine() as aegis:
        return [await aegis.pay(**order(f"order-{number}")) for number in range(count)]


def ids_of(payments):
    return {f"{payment.id}-{version}" for payment in payments for version in range(1, 5)}


def only(wire, event_id):
    return [at for posted, _, at in wire.posts if posted == event_id]


@virtual
async def test_an_event_is_tried_ten_times_within_three_days_and_then_it_is_a_dead_letter(wires):
    world = World()
    wire = wires(world.clock, say=lambda event_id: 500 if event_id.endswith("-4") else 200)
    (payment,) = await paid(world)
    async with mute_engine(world) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT, from_="start")
        await elapse(4 * DAY_S)
        (found,) = await aegis.webhook_endpoints()
    times = only(wire, f"{payment.id}-4")
    pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert len(times) == 10
    for pause, planned in zip(pauses, WEBHOOK_RETRY.delays_s, strict=True):
        assert 0.8 * planned <= pause <= planned + 2
    assert timedelta(days=2) < times[-1] - times[0] < timedelta(days=3, hours=8)
    assert (found.subscription.dead, found.subscription.waiting, found.subscription.delivered) == (1, 0, 3)
    assert {event_id: count for event_id, count in Counter(wire.ids).items() if count > 1} == {f"{payment.id}-4": 10}


@virtual
async def test_a_restart_in_the_middle_goes_on_with_the_schedule(wires):
    world = World()
    wire = wires(world.clock, say=lambda _: 500)
    payments = await paid(world)
    async with mute_engine(world) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT, from_="start")
        await elapse(3_600)
    await elapse(10 * 3_600)
    async with mute_engine(world) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT)
        await elapse(4 * DAY_S)
        (found,) = await aegis.webhook_endpoints()
    assert Counter(wire.ids) == dict.fromkeys(ids_of(payments), 10)
    assert found.subscription.dead == 4


@virtual
async def test_an_outage_of_hours_makes_a_backlog_and_no_dead_letter(wires):
    world = World()
    is_down = True
    wire = wires(world.clock, say=lambda _: 500 if is_down else 200)
    payments = await paid(world, 30)
    async with mute_engine(world) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT, from_="start")
        await elapse(3_600)
        tried = len(wire.posts)
        is_down = False
        await elapse(DAY_S)
        (found,) = await aegis.webhook_endpoints()
    assert set(wire.ids) == ids_of(payments)
    assert (found.subscription.dead, found.subscription.waiting, found.subscription.lag_events) == (0, 0, 0)
    assert tried < 100


class Faulty(MemoryStore):
    """Fails at some of its commits of subscribers' progress, before or after they were made."""

    def __init__(self, *, before=(), after=(), **given):
        super().__init__(**given)
        self.before, self.after = set(before), set(after)
        self.commits = 0

    async def advance(self, progress):
        number = self.commits
        self.commits += 1
        if number in self.before:
            raise StoreUnavailableError("the disk is full")
        made = await super().advance(progress)
        if number in self.after:
            raise CommitUnknownError("the disk went away")
        return made


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", range(4))
def test_wherever_the_store_fails_no_event_is_missing_and_each_keeps_its_id_and_body(wires, when, place):
    @virtual
    async def scenario():
        world = World()
        world.store = Faulty(clock=world.clock, **{when: [place, place + 1]})
        said = Counter()

        def say(event_id):
            said[event_id] += 1
            return 503 if event_id.endswith(("-2", "-3")) and said[event_id] == 1 else 200

        wire = wires(world.clock, say=say)
        payments = await paid(world, 5)
        async with mute_engine(world) as aegis:
            await aegis.add_webhook_endpoint(ENDPOINT, from_="start")
            await elapse(DAY_S)
            (found,) = await aegis.webhook_endpoints()
        wanted = ids_of(payments)
        assert world.store.commits > place + 1
        assert set(wire.ids) == wanted
        assert len({(event_id, body) for event_id, body, _ in wire.posts}) == len(wanted)
        assert (found.subscription.lag_events, found.subscription.waiting, found.subscription.dead) == (0, 0, 0)

    scenario()


@virtual
async def test_a_process_that_ends_while_requests_are_under_way_sends_them_again(wires):
    world = World()
    wire = wires(world.clock, say=lambda _: None)
    async with world.engine(shutdown_s=1.0) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT)
        payments = [await aegis.pay(**order(f"order-{number}")) for number in range(3)]
        await elapse(1)
    hanging = set(wire.ids)
    assert hanging
    wire.say = lambda _: 200
    async with mute_engine(world) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT)
        await elapse(DAY_S)
        (found,) = await aegis.webhook_endpoints()
    assert set(wire.ids) == ids_of(payments)
    assert found.subscription.lag_events == 0
    assert {event_id for event_id, count in Counter(wire.ids).items() if count > 1} == hanging


@virtual
async def test_the_delivery_log_forgets_what_is_older_than_thirty_days(wires):
    world = World()
    wires(world.clock)
    (old,) = await paid(world)
    async with mute_engine(world) as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT, from_="start")
        await elapse(29 * DAY_S)
        kept = (await aegis.webhook_log("shop")).attempts
        await elapse(2 * DAY_S)
    async with world.engine() as aegis:
        await aegis.add_webhook_endpoint(ENDPOINT)
        new = await aegis.pay(**order("new"))
        await elapse(60)
        left = (await aegis.webhook_log("shop")).attempts
    assert {line.event_id[:-2] for line in kept} == {old.id}
    assert {line.event_id[:-2] for line in left} == {new.id}
