"""A payment that crashes over everything: it is set aside, and only it."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import PaymentNotFoundError, PaymentParkedError, PaymentState
from aegispay.domain.ids import derive_payment_id
from tests.crash.points import Sick
from tests.integration.engine.rig import World, elapse, order, virtual


@pytest.fixture
def sick(monkeypatch):
    return Sick().use(monkeypatch)


def id_of(world, key):
    return derive_payment_id(world.store.salt, "default", key)


@virtual
async def test_only_the_payment_that_always_crashes_is_parked(sick):
    world = World("alpha", "beta", latency_s=1.0)
    sick.ids.add(id_of(world, "sick"))
    async with world.engine() as aegis:
        keys = ["sick", *(f"well-{number}" for number in range(20))]
        answers = await asyncio.gather(*(aegis.pay(**order(key)) for key in keys), return_exceptions=True)
        assert isinstance(answers[0], PaymentParkedError)
        assert {payment.state for payment in answers[1:]} == {PaymentState.SUCCESS}
        assert len(world.charges()) == 20
        # Nothing held the others up: they took the one second that their gateway takes.
        assert world.clock.monotonic() == pytest.approx(1.0, abs=0.01)


@virtual
async def test_the_error_names_the_payment_and_the_cause(sick):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        sick.ids.add(payment.id)
        with pytest.raises(PaymentParkedError, match=f"{payment.id} is parked since .*: .*CrashError") as refused:
            await aegis.process_payment(payment.id)
        assert refused.value.hint


@virtual
async def test_a_parked_payment_is_readable_listed_and_counted(sick):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        await aegis.pay(**order("well"))
        sick.ids.add(payment.id)
        with pytest.raises(PaymentParkedError):
            await aegis.process_payment(payment.id)
        await elapse(1)
        read = await aegis.get_payment(payment.id)
        assert (read.state, read.is_parked) == (PaymentState.INITIATED, True)
        assert [each.id for each in (await aegis.list_payments(parked=True)).payments] == [payment.id]
        health = await aegis.health()
        assert not health.is_healthy
        assert [parking.payment_id for parking in health.parked] == [payment.id]


@virtual
async def test_a_parked_payment_refuses_at_once_without_starting_its_actor(sick):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        sick.ids.add(payment.id)
        with pytest.raises(PaymentParkedError):
            await aegis.process_payment(payment.id)
        crashes = aegis._assembly.system.crashes
        started = world.clock.monotonic()
        for ask in (aegis.process_payment(payment.id), aegis.pay(**order())):
            with pytest.raises(PaymentParkedError):
                await ask
        assert aegis._assembly.system.crashes == crashes
        assert world.clock.monotonic() == started


@virtual
async def test_everybody_who_waits_for_the_payment_is_told(sick):
    world = World(latency_s=5.0)
    async with world.engine() as aegis:
        callers = [asyncio.create_task(aegis.pay(**order())) for _ in range(10)]
        await elapse(1)
        sick.ids.add(id_of(world, "order-1"))
        for _ in range(4):
            aegis._assembly.wake(id_of(world, "order-1"))
        answers = await asyncio.gather(*callers, return_exceptions=True)
        assert {type(answer) for answer in answers} == {PaymentParkedError}
        assert world.clock.monotonic() < 5


@virtual
async def test_once_the_cause_is_gone_an_operator_lets_it_go_on(sick):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        sick.ids.add(payment.id)
        with pytest.raises(PaymentParkedError):
            await aegis.process_payment(payment.id)
        sick.ids.clear()
        unparked = await aegis.unpark_payment(payment.id, operator="ops")
        assert not unparked.is_parked
        assert (await aegis.process_payment(payment.id)).state is PaymentState.SUCCESS
        assert (await aegis.list_payments(parked=True)).payments == ()
        assert await world.types(payment.id) == [
            "payment.initiated",
            "payment.parked",
            "payment.unparked",
            "payment.authenticated",
            "payment.processing",
            "payment.succeeded",
        ]
        assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_charge_whose_answer_is_poison_is_found_after_unparking_and_not_made_again(sick):
    world = World("alpha", "beta", latency_s=1.0)
    sick.message_types.update({"OutcomeArrived", "Wake"})
    sick.ids.add(id_of(world, "order-1"))
    async with world.engine() as aegis:
        with pytest.raises(PaymentParkedError):
            await aegis.pay(**order())
        assert (await aegis.get_payment(id_of(world, "order-1"))).state is PaymentState.PROCESSING
        sick.ids.clear()
        await aegis.unpark_payment(id_of(world, "order-1"), operator="ops")
        await elapse(100)
        payment = await aegis.get_payment(id_of(world, "order-1"))
        assert payment.state is PaymentState.SUCCESS
        assert len(world.charges()) == 1


@virtual
async def test_a_request_that_is_poison_before_anything_is_stored_works_once_unparked(sick):
    world = World()
    payment_id = id_of(world, "order-1")
    sick.ids.add(payment_id)
    async with world.engine() as aegis:
        with pytest.raises(PaymentParkedError):
            await aegis.pay(**order())
        with pytest.raises(PaymentNotFoundError):
            await aegis.get_payment(payment_id)
        assert [parking.payment_id for parking in (await aegis.health()).parked] == [payment_id]
        sick.ids.clear()
        # There is no payment to return yet; that the parking is over is all that this can do.
        with pytest.raises(PaymentNotFoundError):
            await aegis.unpark_payment(payment_id, operator="ops")
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS


@virtual
async def test_parking_outlives_the_engine_and_so_does_the_cause(sick):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        sick.ids.add(payment.id)
        with pytest.raises(PaymentParkedError):
            await aegis.process_payment(payment.id)
    async with world.engine() as reopened:
        with pytest.raises(PaymentParkedError, match="CrashError"):
            await reopened.process_payment(payment.id)
        sick.ids.clear()
        await reopened.unpark_payment(payment.id, operator="ops")
        assert (await reopened.process_payment(payment.id)).state is PaymentState.SUCCESS


@virtual
async def test_crashes_that_are_far_apart_do_not_add_up(sick):
    world = World()
    async with world.engine(crash_window_s=60, payment_expiry_s=10_000) as aegis:
        payment = await aegis.create_payment(**order())
        for _ in range(6):
            sick.ids.add(payment.id)
            aegis._assembly.wake(payment.id)
            await elapse(1)
            sick.ids.clear()
            await elapse(61)
        assert (await aegis.process_payment(payment.id)).state is PaymentState.SUCCESS
