"""Breakers of captures, voids and refunds: each its own; what is held waits its turn, and is sent once or never."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import NotSentError, PaymentState, Reason
from aegispay.domain.breaker import BreakerPolicy, BreakerScope, BreakerState
from aegispay.gateways.ledger import EntryKind
from tests.integration.engine.books import agreed, authorized, charged, operations
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

CLOSED, OPEN, HALF_OPEN = BreakerState
KINDS = ["capture", "void", "refund"]
SOON = BreakerPolicy(open_s=10.0)


async def ask(aegis, kind, payment_id, key="k"):
    if kind == "capture":
        return await aegis.capture_payment(payment_id, idempotency_key=key, amount="40.00")
    if kind == "void":
        return await aegis.cancel_payment(payment_id, idempotency_key=key)
    return await aegis.refund_payment(payment_id, idempotency_key=key, amount="40.00")


async def begun(aegis, kind, key):
    return await (charged if kind == "refund" else authorized)(aegis, key)


async def states(aegis, name="odd"):
    return {each.operation.value: each.state for each in (await aegis.gateway_metrics(name)).breakers}


class Desk:
    """A gateway whose operations of one kind can be down; it counts what it is asked and what runs at once."""

    def __init__(self, world, kind, took_s=0.0):
        self.is_down = False
        self.asked = []
        self.running = 0
        self.most = 0

        async def operate(request):
            self.asked.append(world.clock.monotonic())
            if self.is_down:
                raise NotSentError("down")
            self.running += 1
            self.most = max(self.most, self.running)
            await elapse(took_s)
            self.running -= 1
            return self.adapter.take(request)

        async def charge(request):
            return self.adapter.take(request)

        async def authorize(request):
            return self.adapter.take(request, EntryKind.AUTHORIZE)

        world.gateways.clear()
        self.adapter = Adapter(
            charge, authorize=authorize, name="odd", ledger=world.ledger, clock=world.clock, **{kind: operate}
        )

    async def fail(self, aegis, kind, times=5):
        self.is_down = True
        for _ in range(times):
            payment = await begun(aegis, kind, f"bad-{len(self.asked)}")
            assert operations(await ask(aegis, kind, payment.id))[0][1] == "failed"
        self.is_down = False


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_faults_of_one_kind_of_operation_open_its_breaker_and_no_other(kind):
    world = World()
    desk = Desk(world, kind)
    async with world.engine(desk.adapter) as aegis:
        await desk.fail(aegis, kind, 4)
        assert set((await states(aegis)).values()) == {CLOSED}
        await desk.fail(aegis, kind, 1)
        assert await states(aegis) == {scope.value: OPEN if scope == kind else CLOSED for scope in BreakerScope}
        assert (await aegis.pay(**order("after"))).state is PaymentState.SUCCESS


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_operation_that_its_breaker_holds_is_sent_once_as_soon_as_the_breaker_lets_it(kind):
    world = World()
    desk = Desk(world, kind)
    async with world.engine(desk.adapter, breaker=SOON) as aegis:
        await desk.fail(aegis, kind)
        payment = await begun(aegis, kind, "order-1")
        before = len(desk.asked)
        done = await ask(aegis, kind, payment.id)
        assert operations(done)[0][:2] == (kind, "succeeded")
        assert [round(at) for at in desk.asked[before:]] == [10]
        await agreed(world, aegis, payment.id)


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_operation_that_is_held_until_its_patience_ends_has_failed_surely_unsent(kind):
    world = World()
    desk = Desk(world, kind)
    async with world.engine(desk.adapter, breaker=BreakerPolicy(open_s=600.0)) as aegis:
        await desk.fail(aegis, kind)
        payment = await begun(aegis, kind, "order-1")
        before, asked_at = len(desk.asked), world.clock.monotonic()
        done = await ask(aegis, kind, payment.id)
        assert world.clock.monotonic() - asked_at == pytest.approx(40.0, abs=0.5)
        assert (done.operations[-1].status.value, done.operations[-1].failure.reason) == (
            "failed",
            Reason.BREAKER_OPEN,
        )
        assert len(desk.asked) == before
        await aegis.reset_breaker("odd")
        again = await ask(aegis, kind, payment.id, "k-2")
        assert operations(again)[-1][1] == "succeeded"
        await agreed(world, aegis, payment.id)


@virtual
async def test_a_held_refund_is_offered_seldom_and_sent_as_soon_as_an_operator_resets_the_breaker():
    world = World()
    desk = Desk(world, "refund")
    async with world.engine(desk.adapter, breaker=BreakerPolicy(open_s=600.0)) as aegis:
        await desk.fail(aegis, "refund")
        payment = await begun(aegis, "refund", "order-1")
        asking = asyncio.create_task(ask(aegis, "refund", payment.id))
        await elapse(20.5)
        refused = (await aegis.gateway_metrics("odd")).refused_by_reason
        assert refused == {Reason.BREAKER_OPEN: 5}
        await aegis.reset_breaker("odd", operation="refund")
        before = world.clock.monotonic()
        assert operations(await asking)[0][1] == "succeeded"
        assert world.clock.monotonic() - before <= 5.0


@virtual
async def test_a_half_open_breaker_lets_three_refunds_through_at_once_and_then_all_of_them():
    world = World()
    desk = Desk(world, "refund", took_s=2.0)
    async with world.engine(desk.adapter, breaker=SOON) as aegis:
        payments = [await begun(aegis, "refund", f"order-{number}") for number in range(12)]
        await desk.fail(aegis, "refund")
        asking = [asyncio.create_task(ask(aegis, "refund", payment.id)) for payment in payments]
        await elapse(11.5)
        assert (desk.running, desk.most) == (3, 3)
        done = await asyncio.gather(*asking)
        assert {operations(payment)[0][1] for payment in done} == {"succeeded"}
        assert (await states(aegis))["refund"] is CLOSED


@virtual
async def test_a_held_refund_is_not_lost_and_not_made_twice_when_the_engine_ends():
    world = World()
    desk = Desk(world, "refund")
    policy = BreakerPolicy(open_s=600.0)
    async with world.engine(desk.adapter, breaker=policy, shutdown_s=1.0) as aegis:
        await desk.fail(aegis, "refund")
        payment = await begun(aegis, "refund", "order-1")
        asking = asyncio.create_task(ask(aegis, "refund", payment.id))
        await elapse(3)
    await asyncio.gather(asking, return_exceptions=True)
    async with world.engine(desk.adapter, breaker=policy) as aegis:
        assert (await states(aegis))["refund"] is OPEN
        await elapse(300)
        after = await agreed(world, aegis, payment.id)
        assert not after.has_open_operation
        assert world.refunded_minor(payment.id) == after.refunded_minor
        await aegis.reset_breaker("odd")
        await ask(aegis, "refund", payment.id, "k-2")
        assert world.refunded_minor(payment.id) in {4_000, 8_000}
        await agreed(world, aegis, payment.id)


@virtual
async def test_questions_about_a_refund_pass_its_open_breaker():
    world = World()
    desk = Desk(world, "refund")
    lost = []

    async def operate(request):
        lost.append(desk.adapter.take(request))
        raise RuntimeError

    async def look(_request):
        return lost[0]

    adapter = Adapter(desk.adapter._charge, name="odd", ledger=world.ledger, refund=operate, operation_lookup=look)
    async with world.engine(adapter, breaker=BreakerPolicy(failures_max=1, open_s=600.0)) as aegis:
        payment = await begun(aegis, "refund", "order-1")
        await ask(aegis, "refund", payment.id)
        assert (await states(aegis))["refund"] is OPEN
        await elapse(10)
        assert operations(await aegis.get_payment(payment.id))[0][1] == "succeeded"
