"""Bounds: what is refused before anything happened, and what is put away when idle."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import GatewayContract, OverloadedError, PaymentState
from tests.integration.engine.rig import World, elapse, order, virtual


@virtual
async def test_requests_beyond_in_flight_max_are_refused_and_nothing_happened():
    world = World(latency_s=5.0)
    async with world.engine(in_flight_max=3) as aegis:
        running = [asyncio.create_task(aegis.pay(**order(f"p-{n}"))) for n in range(3)]
        await elapse(1)
        for call in (aegis.pay, aegis.create_payment):
            with pytest.raises(OverloadedError, match="3 requests are in flight") as caught:
                await call(**order("too-many"))
            assert "same idempotency key" in caught.value.hint
        assert len((await aegis.list_payments()).payments) == 3
        assert {payment.state for payment in await asyncio.gather(*running)} == {PaymentState.SUCCESS}
        assert (await aegis.pay(**order("too-many"))).state is PaymentState.SUCCESS
        assert (await aegis.health()).in_flight == 0


@virtual
async def test_messages_beyond_one_payments_mailbox_are_refused_and_the_payment_is_charged_once():
    world = World()
    async with world.engine(mailbox_capacity=10) as aegis:
        answers = await asyncio.gather(*(aegis.pay(**order()) for _ in range(100)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, OverloadedError)]
        paid = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert len(refused) + len(paid) == 100
        assert len(refused) > 0
        assert paid == [paid[0]] * len(paid)
        assert await aegis.pay(**order()) == paid[0]
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_busy_payments_beyond_actors_max_are_refused_and_idle_ones_make_room():
    world = World(latency_s=5.0)
    async with world.engine(actors_max=3) as aegis:
        for n in range(9):
            await aegis.create_payment(**order(f"idle-{n}"))
        assert (await aegis.health()).actors == 3
        running = [asyncio.create_task(aegis.pay(**order(f"p-{n}"))) for n in range(3)]
        await elapse(1)
        with pytest.raises(OverloadedError, match="busy"):
            await aegis.pay(**order("too-many"))
        assert {payment.state for payment in await asyncio.gather(*running)} == {PaymentState.SUCCESS}
        assert (await aegis.pay(**order("too-many"))).state is PaymentState.SUCCESS
        assert (await aegis.health()).in_flight == 0
    assert len(world.charges()) == 4


@virtual
async def test_an_idle_actor_is_put_away_and_comes_back_from_its_events():
    world = World()
    async with world.engine(actor_idle_s=10) as aegis:
        created = await aegis.create_payment(**order())
        await elapse(25)
        assert (await aegis.health()).actors == 0
        paid = await aegis.process_payment(created.id)
        assert paid.state is PaymentState.SUCCESS
        await elapse(25)
        assert (await aegis.health()).actors == 0
        assert await aegis.pay(**order()) == paid
    assert world["alpha"].calls == 1


@virtual
async def test_an_actor_with_a_call_in_flight_is_never_put_away():
    world = World(latency_s=25.0)
    async with world.engine(actor_idle_s=1) as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(20)
        assert (await aegis.health()).actors == 1
        assert (await paying).state is PaymentState.SUCCESS
    assert len(world.charges()) == 1


@virtual
async def test_more_due_payments_than_actors_are_all_woken_in_time():
    world = World()
    async with world.engine(actors_max=5, payment_expiry_s=100) as aegis:
        for n in range(40):
            await aegis.create_payment(**order(f"p-{n}"))
        await elapse(130)
        assert (await aegis.health()).states == {PaymentState.CANCELLED: 40}


@virtual
async def test_a_burst_far_over_the_gateways_bound_ends_in_defined_states_and_single_charges():
    world = World("alpha", "beta", contract=GatewayContract(concurrency_max=10), latency_s=0.5)
    async with world.engine(limits_default={"reserved_share": 0.0}) as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"p-{n}")) for n in range(100)))
    states = [payment.state for payment in payments]
    assert states.count(PaymentState.SUCCESS) == 20
    assert states.count(PaymentState.FAILURE) == 80
    assert len(world.charges()) == 20
