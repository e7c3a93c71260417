"""Cancelling: nothing new is charged, what is held is released, what proves charged is returned."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    Declined,
    DeclineKind,
    GatewayContract,
    IllegalTransitionError,
    OperationRefusedError,
    PaymentState,
    Reason,
    UnsupportedOperationError,
)
from aegispay.gateways.script import Fault
from tests.integration.engine.books import agreed, authorized, charged, operations, settled, types_after
from tests.integration.engine.rig import World, elapse, order, virtual

REFUSED = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="no")


# --- in each state --------------------------------------------------------------------------------------


@virtual
async def test_a_payment_that_was_not_processed_is_cancelled_at_once():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.create_payment(**order())
        payment = await aegis.cancel_payment(before.id, reason="changed my mind")
        assert payment.state is PaymentState.CANCELLED
        assert await types_after(aegis, before) == ["payment.cancelled"]
        assert (await aegis.process_payment(before.id)).state is PaymentState.CANCELLED
        await agreed(world, aegis, before.id)
    assert world["alpha"].calls == 0


@virtual
async def test_an_authorization_is_voided():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.cancel_payment(before.id)
        assert payment == await agreed(world, aegis, before.id)
        assert (payment.state, operations(payment)) == (PaymentState.CANCELLED, [("void", "succeeded", 10_000)])
        assert await types_after(aegis, before) == [
            "payment.void_requested",
            "payment.void_succeeded",
            "payment.cancelled",
        ]
    assert world.moved() == [("authorize", 10_000), ("void", 10_000)]


@virtual
async def test_the_rest_of_an_authorization_is_voided_and_what_was_captured_stays():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="c1", amount="30.00", is_final=False)
        payment = await aegis.cancel_payment(before.id)
        assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 3_000)
        assert operations(payment)[1] == ("void", "succeeded", 7_000)
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("token", ["tok_visa", "tok_declined"])
@virtual
async def test_a_payment_that_has_ended_is_not_cancelled(token):
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token=token))
        with pytest.raises(IllegalTransitionError) as caught:
            await aegis.cancel_payment(before.id)
        assert caught.value.state == before.state.value
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_refunded_payment_is_not_cancelled():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        before = await aegis.refund_payment(before.id, idempotency_key="r1", amount="1.00")
        with pytest.raises(IllegalTransitionError, match="partially_refunded"):
            await aegis.cancel_payment(before.id)
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_cancelling_again_changes_nothing():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        cancelled = await aegis.cancel_payment(before.id)
        for key in (None, "k"):
            assert await aegis.cancel_payment(before.id, idempotency_key=key) == cancelled
        await agreed(world, aegis, before.id)
    assert world.moved() == [("authorize", 10_000), ("void", 10_000)]


@pytest.mark.parametrize("loop_seed", range(10))
@virtual
async def test_many_cancels_at_once_are_one_void(loop_seed):
    world = World(latency_s=(0.1, 2.0))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        keys = [None, "k1", "k2"] * 5
        answers = await asyncio.gather(*(aegis.cancel_payment(before.id, idempotency_key=key) for key in keys))
        assert answers == [await agreed(world, aegis, before.id)] * 15, f"seed {loop_seed}"
    assert world.moved() == [("authorize", 10_000), ("void", 10_000)]


@virtual
async def test_a_gateway_that_cannot_void_is_not_asked_and_the_message_says_when_the_hold_ends():
    world = World(contract=GatewayContract(void=False))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        with pytest.raises(UnsupportedOperationError, match="it lapses at 2026-01-08T00:00:00"):
            await aegis.cancel_payment(before.id)
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_void_that_was_refused_leaves_the_authorization_and_a_second_cancel_is_a_second_void():
    world = World()
    world["alpha"].script("void", REFUSED)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.cancel_payment(before.id)
        assert (payment.state, operations(payment)) == (PaymentState.AUTHORIZED, [("void", "failed", 10_000)])
        payment = await aegis.cancel_payment(before.id)
        assert (payment.state, operations(payment)[1]) == (PaymentState.CANCELLED, ("void", "succeeded", 10_000))
        await agreed(world, aegis, before.id)


@virtual
async def test_a_void_that_was_refused_under_a_key_stays_refused_under_it():
    world = World()
    world["alpha"].script("void", REFUSED)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        failed = await aegis.cancel_payment(before.id, idempotency_key="k1")
        assert await aegis.cancel_payment(before.id, idempotency_key="k1") == failed
        payment = await aegis.cancel_payment(before.id, idempotency_key="k2")
        assert payment.state is PaymentState.CANCELLED
        await agreed(world, aegis, before.id)


@virtual
async def test_while_a_void_is_in_doubt_nothing_is_captured():
    world = World(contract=GatewayContract(visibility_delay_s=300, idempotency_window_s=None))
    world["alpha"].script("void", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.cancel_payment(before.id)
        assert (payment.state, operations(payment)) == (PaymentState.AUTHORIZED, [("void", "unknown", 10_000)])
        with pytest.raises(OperationRefusedError) as caught:
            await aegis.capture_payment(before.id, idempotency_key="c1")
        assert caught.value.reason == "void_in_progress"
        assert (await settled(aegis, before.id)).state is PaymentState.CANCELLED
        await agreed(world, aegis, before.id)


@virtual
async def test_an_authorization_of_an_earlier_engine_is_voided_before_the_caller_is_answered():
    world = World(latency_s=1.0)
    async with world.engine() as aegis:
        before = await authorized(aegis)
    async with world.engine() as aegis:
        payment = await aegis.cancel_payment(before.id)
        assert payment.state is PaymentState.CANCELLED
        assert payment == await agreed(world, aegis, before.id)


@virtual
async def test_an_authorization_that_left_memory_is_voided_before_the_caller_is_answered():
    world = World(latency_s=1.0)
    async with world.engine(actor_idle_s=5) as aegis:
        before = await authorized(aegis)
        await elapse(60)
        assert (await aegis.health()).actors == 0
        payment = await aegis.cancel_payment(before.id)
        assert payment.state is PaymentState.CANCELLED
        assert payment == await agreed(world, aegis, before.id)
