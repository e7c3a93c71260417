"""An engine with more to do than it can: it comes back by itself, writes nothing in vain and serves new payments."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from aegispay import (
    AegisPay,
    BreakerPolicy,
    Declined,
    DeclineKind,
    GatewayContract,
    NotFound,
    OutcomeUnknown,
    PaymentState,
    Reason,
)
from aegispay.domain.retry import RetryPolicy, RetryRule
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

LOST = OutcomeUnknown(reason=Reason.CONNECTION_LOST)
PATIENT = BreakerPolicy(failures_max=100_000)
HASTY = {
    "wake_interval_s": 0.1,
    "answer_grace_s": 1.0,
    "check_delays_s": (0.2, 0.4, 0.8, 1.5, 2.0),
    "breaker": PATIENT,
}
DOUBTS = 1_000
PLACES = 20
FEW = {"alpha": {"concurrency_max": PLACES}}
ONCE = ("payment.initiated", "payment.authenticated", "payment.processing", "payment.outcome_unknown")
SETTLED = (*ONCE, "payment.outcome_resolved", "payment.succeeded")


class Busy:
    """Lets every turn of an actor take time, as on a machine that does other things as well."""

    def __init__(self, turn_s):
        self.turn_s = turn_s
        self.turns: Counter[str] = Counter()

    def arrivals(self, actor_class, name, message, *, is_asked):
        return (0.0,)

    def before_turn(self, actor_class, name, message):
        self.turns[type(message).__name__] += 1
        asyncio.get_running_loop().advance(self.turn_s)

    def after_turn(self, actor_class, name, message):
        pass


class Provider(Adapter):
    """Charges, but loses its first `losses` answers; look-ups find what was charged after `look_s`."""

    def __init__(self, world, *, losses=0, look_s=0.5, name="alpha", **contract):
        super().__init__(
            self._take,
            lookup=self._look,
            name=name,
            contract=GatewayContract(concurrency_max=5_000, timeout_s=100.0, **contract),
            ledger=world.ledger,
            clock=world.clock,
        )
        self.losses = losses
        self.look_s = look_s
        self.asked_s: list[float] = []

    async def _take(self, request):
        approved = self.take(request)
        if len(self.requests) <= self.losses:
            return LOST
        await elapse(0.05)
        return approved

    async def _look(self, request):
        self.asked_s.append(self.clock.monotonic())
        await elapse(self.look_s)
        is_charged = any(entry.reference == request.reference for entry in self.ledger.of_payment(request.payment_id))
        return approval(request, reference=f"{self.name}-{request.reference}") if is_charged else NotFound()


def engine_of(world, provider, **config) -> AegisPay:
    world.gateways.clear()
    return world.engine(provider, **(HASTY | config))


async def doubts_of(world, provider, count=DOUBTS):
    """Leave so many payments in doubt behind, all of them charged."""
    async with engine_of(world, provider, check_delays_s=(5.0,)) as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"lost-{n}")) for n in range(count)))
    assert {payment.state for payment in payments} == {PaymentState.PROCESSING}
    return [payment.id for payment in payments]


async def until_settled(aegis, *, within_s):
    """Return after how many seconds nothing was in doubt any more."""
    began = asyncio.get_running_loop().time()
    while (await aegis.metrics()).doubts.payments:
        assert asyncio.get_running_loop().time() - began < within_s, await aegis.gateway_metrics("alpha")
        await elapse(0.5)
    return asyncio.get_running_loop().time() - began


def slow_down(aegis, turn_s):
    busy = Busy(turn_s)
    aegis._assembly.system.interception = busy
    return busy


async def shop(aegis, stop):
    """Pay something new every half second; return what came of it."""
    payments = []
    while not stop.is_set():
        payments.append(await aegis.pay(**order(f"new-{len(payments)}")))
        await elapse(0.5)
    return payments


@pytest.mark.parametrize("turn_s", [0.0, 0.002], ids=["idle", "busy"])
@virtual
async def test_a_thousand_doubts_are_settled_with_one_question_each_while_new_payments_go_through(turn_s):
    world = World()
    provider = Provider(world, losses=DOUBTS)
    lost = await doubts_of(world, provider)
    await elapse(10)
    async with engine_of(world, provider, limits=FEW) as aegis:
        busy, stop = slow_down(aegis, turn_s), asyncio.Event()
        shopping = asyncio.create_task(shop(aegis, stop))
        took_s = await until_settled(aegis, within_s=300)
        stop.set()
        new = await shopping
    assert {payment.state for payment in new} == {PaymentState.SUCCESS}
    assert len(world.charges()) == DOUBTS + len(new)
    # Questions have half of the places, and hardly one of those is ever empty.
    assert took_s < 1.5 * DOUBTS * provider.look_s / (PLACES / 2)
    assert DOUBTS <= len(provider.lookups) <= 1.02 * DOUBTS
    assert {tuple(await world.types(payment_id)) for payment_id in lost} == {SETTLED}
    # Nobody is woken, and nobody is refused, again and again: a few turns each.
    assert busy.turns["Wake"] < 4 * DOUBTS
    assert busy.turns["PlaceCall"] < 3 * DOUBTS


@virtual
async def test_a_question_that_was_not_asked_is_not_written_and_its_timer_stays():
    world = World()
    provider = Provider(world, losses=4, look_s=60.0)
    ids = await doubts_of(world, provider, 4)
    await elapse(10)
    limits = {"alpha": {"concurrency_max": 4}}
    async with engine_of(world, provider, limits=limits) as aegis:
        await elapse(50)
        metrics = await aegis.gateway_metrics("alpha")
        assert metrics.in_flight == 2
        assert metrics.refused_by_reason[Reason.BULKHEAD_FULL] < 30
        waiting = set(ids) - {request.payment_id for request in provider.lookups}
        assert len(waiting) == 2
        for payment_id in waiting:
            assert tuple(await world.types(payment_id)) == ONCE
            payment = await aegis.get_payment(payment_id)
            assert (payment.last_attempt.checks, payment.last_attempt.next_check_at < world.clock.now()) == (0, True)


@virtual
async def test_who_waits_for_room_asks_as_soon_as_an_earlier_question_has_ended():
    world = World()
    provider = Provider(world, losses=6, look_s=2.5)
    await doubts_of(world, provider, 6)
    await elapse(10)
    began = world.clock.monotonic()
    async with engine_of(world, provider, limits={"alpha": {"concurrency_max": 4}}) as aegis:
        took_s = await until_settled(aegis, within_s=60)
    assert took_s == pytest.approx(7.5, abs=0.5)
    assert [request_s - began for request_s in provider.asked_s] == pytest.approx([0, 0, 2.5, 2.5, 5.0, 5.0], abs=0.1)


@virtual
async def test_questions_leave_charges_their_share_of_the_calls_per_second():
    world = World()
    provider = Provider(world, losses=300, look_s=0.0)
    await doubts_of(world, provider, 300)
    await elapse(10)
    limits = {"alpha": {"rate_per_s": 10.0, "burst": 10}}
    async with engine_of(world, provider, limits=limits) as aegis:
        await elapse(5)
        paid = []
        for number in range(40):
            paid.append((await aegis.pay(**order(f"new-{number}"))).state)
            await elapse(0.25)
        assert paid == [PaymentState.SUCCESS] * 40
        assert 0 < (await aegis.metrics()).doubts.payments < 300
        await until_settled(aegis, within_s=120)
    assert len(provider.lookups) == 300


@virtual
async def test_an_engine_that_stands_still_makes_no_call_too_late_and_writes_nothing_about_it():
    world = World()
    provider = Provider(world, losses=50)
    ids = await doubts_of(world, provider, 50)
    await elapse(10)
    async with engine_of(world, provider) as aegis:
        busy = slow_down(aegis, 0.5)
        await elapse(60)
        busy.turn_s = 0.0
        await until_settled(aegis, within_s=30)
    assert len(provider.lookups) <= 60
    assert {tuple(await world.types(payment_id)) for payment_id in ids} == {SETTLED}


class Reading:
    """A store that counts who is read."""

    def __init__(self, store):
        self._store = store
        self.read: list[str] = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def load(self, payment_id, **given):
        self.read.append(payment_id)
        return await self._store.load(payment_id, **given)


@virtual
async def test_a_start_lets_those_be_that_wait_for_a_later_retry():
    world = World()
    odd = Adapter(Declined(reason=Reason.INSUFFICIENT_FUNDS, kind=DeclineKind.CUSTOMER_FIXABLE), clock=world.clock)
    world.gateways.clear()
    rule = {
        "reason": Reason.INSUFFICIENT_FUNDS,
        "action": "same_gateway_later",
        "delays_s": (7_200.0,),
        "why": "salary",
    }
    config = {"retry": RetryPolicy(rules=(RetryRule(**rule),)), "wake_interval_s": 60.0}
    async with world.engine(odd, **config) as aegis:
        for number in range(20):
            assert (await aegis.pay(**order(f"p-{number}"))).is_put_off
    store = Reading(world.store)
    async with world.engine(odd, store=store, **config):
        await elapse(3_600)
        assert store.read == []
        await elapse(4_800)
    assert len(set(store.read)) == 20
    assert len(odd.requests) == 40
