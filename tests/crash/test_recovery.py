"""What a start does with what an earlier process left: it goes on, and it does not let one payment end it again."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

import aegispay.assembly
from aegispay import AegisPayConfig, GatewayContract, LookupAuthority, NotFound, PaymentState, SimulatedGateway
from aegispay.actors.payment import PaymentActor
from aegispay.actors.payment_messages import Wake
from aegispay.domain.ids import derive_payment_id
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual
from tests.simulation.process import Outside, Process


def doubtful() -> Adapter:
    """Return a gateway that loses every answer and can prove nothing."""
    contract = GatewayContract(lookup=LookupAuthority.ADVISORY, idempotency_window_s=None)
    return Adapter(TimeoutError("no answer"), lookup=NotFound(), name="alpha", contract=contract)


def use(world: World, *gateways: Any) -> None:
    world.gateways = list(gateways)


async def die_in_the_middle(world, *orders):
    """Leave payments whose requests have left and whose answers nobody will hear."""
    outside = Outside()
    process = await start(world, outside)
    callers = [asyncio.create_task(process.call(lambda aegis, wish=wish: aegis.pay(**wish))) for wish in orders]
    await elapse(0.5)
    process.die()
    await asyncio.gather(*callers, return_exceptions=True)
    await outside.end()


async def start(world, outside, **config):
    process = Process(world.store, outside, lambda _process, _place: None)
    await process.open(world.gateways, world.clock, AegisPayConfig(**config), seed=random.Random(1).random())
    return process


async def start_with_a_deadly_payment(monkeypatch, world, starts):
    """Leave two payments unfinished and start that often, while waking "deadly" kills; return which starts lived."""
    await die_in_the_middle(world, order("deadly"), order("well"))
    living: list[Process] = []

    class Deadly(PaymentActor):
        async def on_receive(self, message: Any) -> Any:
            if isinstance(message, Wake) and self._desk.id == id_of(world, "deadly"):
                living[-1].die()
            return await super().on_receive(message)

    monkeypatch.setattr(aegispay.assembly, "PaymentActor", Deadly)
    outside = Outside()
    for _ in range(starts):
        living.append(await start(world, outside, recoveries_max=2))
        await elapse(200)
    await living[-1].aegis.close()
    await outside.end()
    return [not process.is_dead for process in living]


def id_of(world, key):
    return derive_payment_id(world.store.salt, "default", key)


@virtual
async def test_a_payment_that_kills_the_process_is_left_aside_after_so_many_starts(monkeypatch):
    world = World(latency_s=1.0)
    lived = await start_with_a_deadly_payment(monkeypatch, world, 6)
    assert lived[:2] == [False, False]
    assert lived[-1]
    parked = {parking.payment_id: parking.cause for parking in await world.store.parked()}
    assert parked[id_of(world, "deadly")] == "2 recoveries without success"
    assert len(world.charges(id_of(world, "deadly"))) <= 1


@virtual
async def test_payments_beside_the_one_that_kills_the_process_are_not_parked_with_it(monkeypatch):
    world = World(latency_s=1.0)
    await start_with_a_deadly_payment(monkeypatch, world, 6)
    parked = {parking.payment_id for parking in await world.store.parked()}
    assert parked == {id_of(world, "deadly")}
    assert world.store._rows[id_of(world, "well")].state is PaymentState.SUCCESS


@virtual
async def test_every_unfinished_payment_goes_on_at_the_next_start_by_itself():
    world = World("alpha", "beta", latency_s=1.0)
    await die_in_the_middle(world, *(order(f"order-{number}") for number in range(50)))
    assert {row.state for row in world.store._rows.values()} == {PaymentState.PROCESSING}
    async with world.engine() as aegis:
        await elapse(60)
        states = (await aegis.health()).states
    assert states == {PaymentState.SUCCESS: 50}
    assert len(world.charges()) == 50


@virtual
async def test_more_unfinished_payments_than_are_picked_up_at_once_all_go_on():
    world = World(latency_s=1.0)
    await die_in_the_middle(world, *(order(f"order-{number}") for number in range(50)))
    async with world.engine(recovery_concurrency=3) as aegis:
        await elapse(300)
        states = (await aegis.health()).states
    assert states == {PaymentState.SUCCESS: 50}
    assert len(world.charges()) == 50


@virtual
async def test_a_doubt_that_waits_for_its_next_check_is_not_parked_by_many_quiet_starts():
    world = World()
    use(world, doubtful())
    async with world.engine(check_delays_s=(3600.0,)) as aegis:
        payment = await aegis.pay(**order())
    for _ in range(10):
        async with world.engine(check_delays_s=(3600.0,), recoveries_max=2) as reopened:
            await elapse(1)
            read = await reopened.get_payment(payment.id)
            assert (read.in_doubt, read.is_parked) == (True, False)


@virtual
async def test_doubts_that_wait_do_not_keep_others_from_being_picked_up():
    world = World()
    use(world, doubtful())
    async with world.engine(check_delays_s=(3600.0,)) as aegis:
        for number in range(10):
            await aegis.pay(**order(f"doubt-{number}"))
    use(world, doubtful(), SimulatedGateway("beta", ledger=world.ledger, clock=world.clock, latency_s=1.0))
    await die_in_the_middle(world, order("late", gateway="beta"))
    async with world.engine(check_delays_s=(3600.0,), recovery_concurrency=2) as reopened:
        await elapse(5)
        late = await reopened.get_payment_by_idempotency_key("late")
        assert late.state is PaymentState.SUCCESS


@virtual
async def test_what_was_only_created_waits_for_its_caller():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
    async with world.engine() as reopened:
        await elapse(60)
        assert (await reopened.get_payment(payment.id)).state is PaymentState.INITIATED
        assert world.charges() == []
        assert (await reopened.process_payment(payment.id)).state is PaymentState.SUCCESS


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_a_caller_who_asks_again_while_his_payment_recovers_gets_its_end(loop_seed):
    world = World(latency_s=1.0)
    await die_in_the_middle(world, order())
    async with world.engine() as aegis:
        answers = await asyncio.gather(*(aegis.pay(**order()) for _ in range(10)))
        await elapse(60)
        payment = await aegis.get_payment(answers[0].id)
    assert {answer.id for answer in answers} == {payment.id}
    assert payment.state is PaymentState.SUCCESS
    assert len(world.charges()) == 1
