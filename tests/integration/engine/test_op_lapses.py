"""The end of an authorization: announced, never while something is open, and never a loss of what was captured."""

from __future__ import annotations

from aegispay import (
    GatewayContract,
    PaymentState,
)
from aegispay.gateways.script import Fault
from tests.integration.engine.books import agreed, authorized, operations, settled, types_after
from tests.integration.engine.rig import World, elapse, virtual


@virtual
async def test_an_authorization_that_nobody_captures_is_announced_and_then_lapses():
    world = World(contract=GatewayContract(authorization_validity_s=1_000))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await elapse(810)
        payment = await aegis.get_payment(before.id)
        assert (payment.state, payment.is_expiry_announced) == (PaymentState.AUTHORIZED, True)
        await elapse(200)
        payment = await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.CANCELLED
        assert await types_after(aegis, before) == ["payment.authorization_expiring", "payment.cancelled"]
    assert world.moved() == [("authorize", 10_000)]


@virtual
async def test_an_authorization_that_lapsed_while_no_engine_ran_is_found_at_the_next_start():
    world = World(contract=GatewayContract(authorization_validity_s=1_000))
    async with world.engine() as aegis:
        before = await authorized(aegis)
    await elapse(5_000)
    async with world.engine() as aegis:
        await elapse(10)
        assert (await agreed(world, aegis, before.id)).state is PaymentState.CANCELLED


@virtual
async def test_an_authorization_with_a_capture_in_doubt_does_not_lapse_before_that_is_known():
    contract = GatewayContract(authorization_validity_s=100, visibility_delay_s=500, idempotency_window_s=None)
    world = World(contract=contract)
    world["alpha"].script("capture", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00")
        await elapse(300)
        payment = await aegis.get_payment(before.id)
        assert (payment.state, operations(payment)) == (PaymentState.AUTHORIZED, [("capture", "unknown", 6_000)])
        payment = await settled(aegis, before.id)
        assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 6_000)
        await agreed(world, aegis, before.id)


@virtual
async def test_the_rest_of_an_authorization_that_was_captured_in_part_lapses_into_success():
    world = World(contract=GatewayContract(authorization_validity_s=1_000))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00", is_final=False)
        await elapse(1_010)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 6_000)
