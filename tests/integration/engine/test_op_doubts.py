"""Operations in trouble: each is done once or not at all, and what became of it is found out, never guessed."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    EngineClosedError,
    GatewayContract,
    LookupAuthority,
    OperationKind,
    PaymentParkedError,
    PaymentState,
    StoreUnavailableError,
    UnknownGatewayError,
)
from aegispay.domain.breaker import BreakerState
from aegispay.gateways.script import Fault
from tests.integration.engine.books import agreed, authorized, charged, operations, settled
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

KINDS = ["capture", "void", "refund"]
AFTER = [Fault.HANG_AFTER, Fault.ERROR_AFTER, Fault.RAISE_AFTER, Fault.GARBAGE_AFTER]
BEFORE = [Fault.HANG_BEFORE, Fault.ERROR_BEFORE, Fault.RAISE_BEFORE]
ASKED = {
    "look-up": GatewayContract(idempotency_window_s=None),
    "resend": GatewayContract(lookup=LookupAuthority.NONE),
    "both": GatewayContract(visibility_delay_s=20),
}


async def begun(aegis, kind, key="order-1", **changes):
    return await (charged if kind == "refund" else authorized)(aegis, key, **changes)


async def ask(aegis, kind, payment_id, key="k"):
    if kind == "capture":
        return await aegis.capture_payment(payment_id, idempotency_key=key, amount="40.00")
    if kind == "void":
        return await aegis.cancel_payment(payment_id, idempotency_key=key)
    return await aegis.refund_payment(payment_id, idempotency_key=key, amount="40.00")


def minor(kind):
    return 10_000 if kind == "void" else 4_000


# --- lost answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("fault", AFTER + BEFORE)
@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_operation_whose_answer_was_lost_is_done_exactly_once_or_has_failed(kind, fault, asked):
    world = World(contract=ASKED[asked])
    world["alpha"].script(kind, fault)
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        payment = await ask(aegis, kind, before.id)
        assert operations(payment) == [(kind, "unknown", minor(kind))]
        payment = await settled(aegis, before.id)
        assert payment == await agreed(world, aegis, before.id)
        is_done = fault in AFTER or asked != "look-up"
        assert operations(payment) == [(kind, "succeeded" if is_done else "failed", minor(kind))]
        assert await ask(aegis, kind, before.id) == payment


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_operation_that_the_provider_decides_later_is_found_out_by_asking(kind):
    world = World()
    world["alpha"].script(kind, Fault.PENDING)
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        payment = await ask(aegis, kind, before.id)
        assert operations(payment) == [(kind, "unknown", minor(kind))]
        await elapse(100)
        assert operations(await aegis.get_payment(before.id)) == operations(payment)
        world["alpha"].decide(payment.operations[0].id, approve=True)
        payment = await settled(aegis, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        await agreed(world, aegis, before.id)


# --- a gateway with little room or a bad record ---------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_operations_for_which_a_gateway_has_no_room_wait_their_turn_and_are_done_once(kind):
    world = World(contract=GatewayContract(concurrency_max=1))
    async with world.engine() as aegis:
        begun_ones = [await begun(aegis, kind, f"order-{n}") for n in range(5)]
        world["alpha"].latency_s = 3.0
        calls = world["alpha"].calls
        await asyncio.gather(*(ask(aegis, kind, payment.id) for payment in begun_ones))
        assert world["alpha"].calls == calls + 5
        for payment in begun_ones:
            assert operations(await agreed(world, aegis, payment.id)) == [(kind, "succeeded", minor(kind))]


@virtual
async def test_an_operation_for_which_there_is_no_room_for_long_fails_unsent():
    world = World(contract=GatewayContract(concurrency_max=1, timeout_s=30.0))
    async with world.engine() as aegis:
        others = [await charged(aegis, f"order-{n}") for n in range(3)]
        world["alpha"].latency_s = 25.0
        answers = await asyncio.gather(*(ask(aegis, "refund", payment.id) for payment in others))
        statuses = sorted(operations(payment)[0][1] for payment in answers)
        assert statuses == ["failed", "succeeded", "succeeded"]
        for payment in others:
            await agreed(world, aegis, payment.id)


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_open_breaker_does_not_keep_operations_from_the_gateway_that_holds_the_money(kind):
    world = World()
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        for number in range(5):
            await aegis.pay(**order(f"bad-{number}", token="tok_bad_credentials"))
        assert (await aegis.gateway_metrics("alpha")).breaker is BreakerState.OPEN
        payment = await ask(aegis, kind, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_a_gateway_that_was_switched_off_still_does_operations(kind):
    world = World()
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        await aegis.disable_gateway("alpha", reason="maintenance")
        payment = await ask(aegis, kind, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_without_the_gateway_that_holds_the_money_an_operation_is_refused_and_nothing_changes(kind):
    world = World()
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
    async with engine_without_alpha(world) as aegis:
        with pytest.raises(UnknownGatewayError, match="alpha, which holds the money"):
            await ask(aegis, kind, before.id)
        assert await aegis.get_payment(before.id) == before


def engine_without_alpha(world):
    alone = World()
    alone.gateways.clear()
    return alone.engine(Adapter(), store=world.store)


# --- the end of an engine, an actor, a store ------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_closing_waits_for_an_operation_in_flight(kind):
    world = World()
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        world["alpha"].latency_s = 5.0
        asked = asyncio.create_task(ask(aegis, kind, before.id))
        await elapse(1)
    assert operations(await asked) == [(kind, "succeeded", minor(kind))]


@pytest.mark.parametrize("fault", [Fault.HANG_AFTER, Fault.HANG_BEFORE])
@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_operation_that_the_engine_did_not_wait_for_is_settled_by_the_next_one_once(kind, fault):
    world = World()
    async with world.engine(shutdown_s=1) as aegis:
        before = await begun(aegis, kind)
        world["alpha"].script(kind, fault)
        asked = asyncio.create_task(ask(aegis, kind, before.id))
        await elapse(1)
    with pytest.raises(EngineClosedError):
        await asked
    async with world.engine() as aegis:
        payment = await settled(aegis, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        assert await ask(aegis, kind, before.id) == await agreed(world, aegis, before.id)


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_a_parked_payment_refuses_operations(kind):
    world = World()
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        await aegis._assembly.parking.park(before.id, cause="poison")
        with pytest.raises(PaymentParkedError):
            await ask(aegis, kind, before.id)
        await aegis.unpark_payment(before.id, operator="mira")
        payment = await ask(aegis, kind, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_a_payment_parked_while_an_operation_is_in_flight_takes_its_answer_in_when_it_goes_on(kind):
    world = World()
    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        world["alpha"].latency_s = 5.0
        asked = asyncio.create_task(ask(aegis, kind, before.id))
        await elapse(1)
        await aegis._assembly.parking.park(before.id, cause="poison")
        with pytest.raises(PaymentParkedError):
            await asked
        await elapse(10)
        assert operations(await aegis.get_payment(before.id)) == [(kind, "requested", minor(kind))]
        await aegis.unpark_payment(before.id, operator="mira")
        payment = await settled(aegis, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("place", ["before_commit", "after_commit"])
@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_a_store_that_fails_when_an_operation_is_asked_for_leads_to_no_second_one(kind, place):
    world = World()

    def fail(where):
        if where == place:
            world.store.faults = None
            raise OSError("disk full")

    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        world.store.faults = fail
        if place == "before_commit":
            with pytest.raises(StoreUnavailableError):
                await ask(aegis, kind, before.id)
            assert await agreed(world, aegis, before.id) == before
        await ask(aegis, kind, before.id)
        payment = await settled(aegis, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        assert payment == await agreed(world, aegis, before.id)


@pytest.mark.parametrize("place", ["before_commit", "after_commit"])
@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_an_answer_that_the_store_could_not_take_is_not_lost(kind, place):
    world = World()
    failures = []

    def fail(where):
        if where == place and len(failures) < 2 and len(world.moved()) == 2:
            failures.append(where)
            raise OSError("disk full")

    async with world.engine() as aegis:
        before = await begun(aegis, kind)
        world.store.faults = fail
        payment = await ask(aegis, kind, before.id)
        payment = await settled(aegis, before.id)
        assert operations(payment) == [(kind, "succeeded", minor(kind))]
        assert payment == await agreed(world, aegis, before.id)
    assert failures == [place] * (2 if place == "before_commit" else 1)


@virtual
async def test_refunds_in_doubt_and_done_stand_side_by_side():
    world = World(contract=ASKED["look-up"])
    async with world.engine() as aegis:
        before = await charged(aegis)
        world["alpha"].script("refund", Fault.HANG_AFTER)
        slow = asyncio.create_task(ask(aegis, "refund", before.id, "slow"))
        await elapse(1)
        quick = await aegis.refund_payment(before.id, idempotency_key="quick", amount="10.00")
        assert operations(quick) == [("refund", "requested", 4_000), ("refund", "succeeded", 1_000)]
        assert quick.operation(OperationKind.REFUND, "slow") is not None
        await slow
        payment = await settled(aegis, before.id)
        assert (payment.state, payment.refunded_minor) == (PaymentState.PARTIALLY_REFUNDED, 5_000)
        await agreed(world, aegis, before.id)
