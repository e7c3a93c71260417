"""A cancel while the charge is open is remembered: what proves approved is released or returned, whatever it takes."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from aegispay import (
    Declined,
    DeclineKind,
    GatewayContract,
    IllegalTransitionError,
    NotProcessed,
    PaymentState,
    Reason,
)
from aegispay.gateways.entry import EntryKind
from aegispay.gateways.script import Fault
from tests.integration.engine.books import agreed, operations, settled
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

REFUSED = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="no")
BUSY = NotProcessed(reason=Reason.RATE_LIMITED)


# --- while the charge is open ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capture", "undone", "state"),
    [("automatic", "refund", PaymentState.REFUNDED), ("manual", "void", PaymentState.CANCELLED)],
)
@virtual
async def test_what_proves_approved_after_a_cancel_is_undone_at_once(capture, undone, state):
    world = World(latency_s=5.0)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order(capture=capture)))
        await elapse(1.0)
        (row,) = (await aegis.list_payments()).payments
        remembered = await aegis.cancel_payment(row.id)
        assert (remembered.state, remembered.is_cancel_requested) == (PaymentState.PROCESSING, True)
        await paying
        payment = await settled(aegis, row.id)
        assert (payment.state, operations(payment)) == (state, [(undone, "succeeded", 10_000)])
        assert payment == await agreed(world, aegis, row.id)


@pytest.mark.parametrize("token", ["tok_declined", "tok_soft_declined", "tok_refuse_connection"])
@virtual
async def test_what_fails_after_a_cancel_is_cancelled_and_not_tried_elsewhere(token):
    world = World("alpha", "beta", latency_s=5.0)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order(token=token)))
        await elapse(1.0)
        (row,) = (await aegis.list_payments()).payments
        await aegis.cancel_payment(row.id)
        payment = await paying
        assert (payment.state, len(payment.attempts)) == (PaymentState.CANCELLED, 1)
        assert payment == await agreed(world, aegis, row.id)
    assert world.moved() == []


@pytest.mark.parametrize("fault", [Fault.HANG_AFTER, Fault.ERROR_AFTER, Fault.RAISE_AFTER])
@virtual
async def test_a_cancel_while_in_doubt_is_carried_out_when_the_charge_is_found(fault):
    world = World("alpha", "beta", contract=GatewayContract(visibility_delay_s=120))
    world["alpha"].script("charge", fault)
    world["beta"].script("charge", fault)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        payment = await aegis.cancel_payment(payment.id)
        assert (payment.state, payment.is_cancel_requested) == (PaymentState.PROCESSING, True)
        payment = await settled(aegis, payment.id)
        assert (payment.state, operations(payment)) == (PaymentState.REFUNDED, [("refund", "succeeded", 10_000)])
        await agreed(world, aegis, payment.id)
    assert world.moved() == [("charge", 10_000), ("refund", 10_000)]


@virtual
async def test_a_charge_that_never_arrived_is_not_sent_again_after_a_cancel():
    world = World(contract=GatewayContract(idempotency_window_s=60))
    world["alpha"].script("charge", Fault.HANG_BEFORE, times=None)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        await aegis.cancel_payment(payment.id)
        payment = await settled(aegis, payment.id)
        assert payment.state is PaymentState.CANCELLED
        assert payment == await agreed(world, aegis, payment.id)
    assert world.moved() == []


@virtual
async def test_a_remembered_cancel_survives_a_restart():
    world = World(contract=GatewayContract(visibility_delay_s=300))
    world["alpha"].script("charge", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        await aegis.cancel_payment(payment.id)
    async with world.engine() as aegis:
        payment = await settled(aegis, payment.id)
        assert (payment.state, operations(payment)) == (PaymentState.REFUNDED, [("refund", "succeeded", 10_000)])
        await agreed(world, aegis, payment.id)


async def challenged(aegis, **changes):
    payment = await aegis.pay(**order(token="tok_requires_action", **changes))
    assert payment.state is PaymentState.REQUIRES_ACTION
    return payment


@pytest.mark.parametrize(
    ("capture", "undone", "state"),
    [("automatic", "refund", PaymentState.REFUNDED), ("manual", "void", PaymentState.CANCELLED)],
)
@virtual
async def test_a_challenge_passed_after_the_cancel_is_undone(capture, undone, state):
    world = World()
    async with world.engine() as aegis:
        before = await challenged(aegis, capture=capture)
        payment = await aegis.cancel_payment(before.id)
        assert (payment.state, payment.is_cancel_requested) == (PaymentState.REQUIRES_ACTION, True)
        world["alpha"].pass_challenge(before.attempts[0].id)
        await aegis.complete_action(before.id)
        payment = await settled(aegis, before.id)
        assert (payment.state, operations(payment)) == (state, [(undone, "succeeded", 10_000)])
        await agreed(world, aegis, before.id)


@virtual
async def test_a_challenge_failed_after_the_cancel_leaves_the_payment_cancelled():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        before = await challenged(aegis)
        await aegis.cancel_payment(before.id)
        world["alpha"].fail_challenge(before.attempts[0].id)
        payment = await aegis.complete_action(before.id)
        assert (payment.state, len(payment.attempts)) == (PaymentState.CANCELLED, 1)
        await agreed(world, aegis, before.id)


@virtual
async def test_a_challenge_ignored_after_the_cancel_leaves_the_payment_cancelled():
    world = World()
    async with world.engine() as aegis:
        before = await challenged(aegis)
        await aegis.cancel_payment(before.id)
        await elapse(1_000)
        payment = await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.CANCELLED
    assert world.moved() == []


@virtual
async def test_a_challenge_passed_unnoticed_before_its_time_was_over_is_found_and_undone():
    world = World()
    async with world.engine() as aegis:
        before = await challenged(aegis)
        await aegis.cancel_payment(before.id)
        world["alpha"].pass_challenge(before.attempts[0].id)
        await elapse(1_000)
        payment = await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.REFUNDED


# --- a remembered cancel that does not go through -------------------------------------------------------


def stubborn_void(world, *answers):
    """Return a gateway that answers voids as given, and after that releases."""
    left = list(answers)

    async def authorize(request):
        await elapse(2.0)
        return odd.take(request, EntryKind.AUTHORIZE)

    async def void(request):
        return left.pop(0) if left else odd.take(request)

    odd = Adapter(authorize, void=void, ledger=world.ledger, clock=world.clock)
    world.gateways.clear()
    return odd


async def cancelled_while_processing(aegis):
    paying = asyncio.create_task(aegis.pay(**order(capture="manual")))
    await elapse(1.0)
    (row,) = (await aegis.list_payments()).payments
    await aegis.cancel_payment(row.id)
    return await paying


@virtual
async def test_a_void_that_was_not_processed_is_tried_again_with_growing_pauses():
    world = World()
    odd = stubborn_void(world, BUSY, BUSY, BUSY)
    async with world.engine(odd) as aegis:
        payment = await cancelled_while_processing(aegis)
        await elapse(60)
        payment = await agreed(world, aegis, payment.id)
        assert payment.state is PaymentState.CANCELLED
        assert operations(payment) == [("void", "failed", 10_000)] * 3 + [("void", "succeeded", 10_000)]
        pauses = [(b.started_at - a.started_at).total_seconds() for a, b in itertools.pairwise(payment.operations)]
        assert pauses == sorted(pauses)
        assert pauses[0] >= 1
        assert len({request.idempotency_key for request in odd.operations}) == 4


@virtual
async def test_a_void_that_is_refused_for_good_calls_for_a_person():
    world = World()
    odd = stubborn_void(world, REFUSED)
    async with world.engine(odd) as aegis:
        payment = await cancelled_while_processing(aegis)
        await elapse(3_600)
        payment = await agreed(world, aegis, payment.id)
        assert payment.state is PaymentState.AUTHORIZED
        assert [incident.reason for incident in payment.incidents] == [Reason.CANCEL_NOT_EXECUTED]
        assert len(odd.operations) == 1
        payment = await aegis.cancel_payment(payment.id)
        assert payment.state is PaymentState.CANCELLED
        await agreed(world, aegis, payment.id)


@virtual
async def test_a_gateway_that_cannot_void_leaves_a_remembered_cancel_to_a_person():
    world = World(contract=GatewayContract(void=False), latency_s=2.0)
    async with world.engine() as aegis:
        payment = await cancelled_while_processing(aegis)
        await elapse(60)
        payment = await agreed(world, aegis, payment.id)
        assert (payment.state, operations(payment)) == (PaymentState.AUTHORIZED, [("void", "failed", 10_000)])
        assert [incident.reason for incident in payment.incidents] == [Reason.CANCEL_NOT_EXECUTED]
    assert world.moved() == [("authorize", 10_000)]


@virtual
async def test_the_tries_of_a_remembered_cancel_go_on_after_a_restart():
    world = World()
    odd = stubborn_void(world, BUSY, BUSY)
    async with world.engine(odd) as aegis:
        payment = await cancelled_while_processing(aegis)
    async with world.engine(odd) as aegis:
        await elapse(60)
        payment = await agreed(world, aegis, payment.id)
        assert payment.state is PaymentState.CANCELLED


@virtual
async def test_what_a_remembered_cancel_could_not_release_yet_is_not_captured():
    world = World()
    odd = stubborn_void(world, BUSY)
    async with world.engine(odd) as aegis:
        before = await cancelled_while_processing(aegis)
        with pytest.raises(IllegalTransitionError, match="cancel is remembered"):
            await aegis.capture_payment(before.id, idempotency_key="c1")
        await elapse(60)
        assert (await agreed(world, aegis, before.id)).state is PaymentState.CANCELLED


@pytest.mark.parametrize("loop_seed", range(20))
@virtual
async def test_a_cancel_and_the_payers_return_at_once_leave_nothing_charged_and_kept(loop_seed):
    world = World(latency_s=(0.0, 1.0), seed=loop_seed)
    async with world.engine() as aegis:
        before = await challenged(aegis)
        world["alpha"].pass_challenge(before.attempts[0].id)
        asked = [aegis.cancel_payment(before.id), aegis.complete_action(before.id)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        payment = await settled(aegis, before.id)
        await agreed(world, aegis, before.id)
        is_refused = isinstance(answers[0], IllegalTransitionError)
        expected = PaymentState.SUCCESS if is_refused else PaymentState.REFUNDED
        assert payment.state is expected, f"seed {loop_seed}"
