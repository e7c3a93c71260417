"""Many different payments crash at once: that is nobody's own fault, so it goes up the tree."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import EngineFailedError, PaymentState
from tests.crash.points import Sick
from tests.integration.engine.rig import World, elapse, order, virtual


@pytest.fixture
def sick(monkeypatch):
    return Sick().use(monkeypatch)


async def create(aegis, count):
    return [await aegis.create_payment(**order(f"order-{number}")) for number in range(count)]


async def process(aegis, payments):
    return [asyncio.create_task(aegis.process_payment(payment.id)) for payment in payments]


@virtual
async def test_the_supervisor_of_the_payments_is_restarted_and_leaves_no_payment_behind(sick):
    world = World(latency_s=1.0)
    async with world.engine(common_cause_max=2) as aegis:
        payments = await create(aegis, 4)
        sick.everybody_over.add("ProcessPayment")
        tasks = await process(aegis, payments)
        await elapse(0.001)
        sick.everybody_over.clear()
        answers = await asyncio.gather(*tasks)
        assert {payment.state for payment in answers} == {PaymentState.SUCCESS}
        assert world.clock.monotonic() < 10
        assert len(world.charges()) == 4
        node = next(child for child in (await aegis.supervision_tree()).children if child.name == "payments")
        assert node.restarts == 1


@virtual
async def test_a_cause_that_stays_ends_the_engine_and_its_callers_are_told(sick):
    world = World(latency_s=1.0)
    async with world.engine(common_cause_max=2) as aegis:
        payments = await create(aegis, 60)
        sick.everybody_over.add("ProcessPayment")
        tasks = await process(aegis, payments)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {EngineFailedError}
        assert world.clock.monotonic() < 30
        for call in (aegis.pay(**order("new")), aegis.get_payment(payments[0].id), aegis.health()):
            with pytest.raises(EngineFailedError, match="gave up"):
                await call


@virtual
async def test_a_failed_engine_loses_nothing_and_the_next_one_goes_on(sick):
    world = World(latency_s=20.0)
    async with world.engine(common_cause_max=2) as aegis:
        paid = [asyncio.create_task(aegis.pay(**order(f"paid-{number}"))) for number in range(5)]
        await elapse(1)
        payments = await create(aegis, 60)
        sick.everybody_over.add("ProcessPayment")
        tasks = await process(aegis, payments)
        answers = await asyncio.gather(*paid, *tasks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {EngineFailedError}
    sick.everybody_over.clear()
    async with world.engine() as reopened:
        finished = await asyncio.gather(
            *(reopened.pay(**order(f"paid-{number}")) for number in range(5)),
            *(reopened.process_payment(payment.id) for payment in payments),
        )
        await elapse(200)
        finished = [await reopened.get_payment(payment.id) for payment in finished]
        assert {payment.state for payment in finished} == {PaymentState.SUCCESS}
        assert len(world.charges()) == 65
        assert len({payment.id for payment in finished}) == 65
