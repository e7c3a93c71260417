"""Cancelling: nothing new is charged, what is held is released, what proves charged is returned."""

from __future__ import annotations

import asyncio
import random

import pytest

from aegispay import (
    Declined,
    DeclineKind,
    GatewayContract,
    IllegalTransitionError,
    LookupAuthority,
    NotProcessed,
    OperationRefusedError,
    OperationStatus,
    PaymentState,
    Reason,
    UnsupportedOperationError,
)
from aegispay.gateways.script import Fault
from aegispay.testing import run_virtual
from tests.integration.engine.books import agreed, authorized, charged, operations, settled, types_after
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

REFUSED = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="no")
BUSY = NotProcessed(reason=Reason.RATE_LIMITED)


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
        return odd.take(request, "authorize")

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
        pauses = [
            (b.started_at - a.started_at).total_seconds() for a, b in zip(payment.operations, payment.operations[1:])
        ]
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


# --- the end of an authorization ------------------------------------------------------------------------


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


# --- void against capture -------------------------------------------------------------------------------

FAULTS = [None, None, Fault.HANG_AFTER, Fault.HANG_BEFORE, Fault.ERROR_AFTER, Fault.ERROR_BEFORE, Fault.RAISE_AFTER]


async def race(seed):
    """Let a void and a capture meet, and return who moved the money according to the engine and to the books."""
    source = random.Random(seed)
    world = World(latency_s=(0.0, 1.0), seed=seed)
    for kind in ("capture", "void"):
        fault = source.choice(FAULTS)
        if fault is not None:
            world["alpha"].script(kind, fault)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        asked = [aegis.capture_payment(before.id, idempotency_key="c"), aegis.cancel_payment(before.id)]
        source.shuffle(asked)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        payment = await settled(aegis, before.id)
        assert payment == await agreed(world, aegis, before.id)
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, OperationRefusedError | IllegalTransitionError) for error in errors)
    done = [op.kind.value for op in payment.operations if op.status is OperationStatus.SUCCEEDED]
    return done, [kind for kind, _ in world.moved()[1:]], len(errors)


@pytest.mark.parametrize("hundred", range(10))
def test_of_a_void_and_a_capture_at_once_exactly_one_wins(hundred):
    winners = set()
    for seed in range(100 * hundred, 100 * hundred + 100):
        ours, theirs, refused = run_virtual(race(seed), seed=seed)
        assert ours == theirs, f"seed {seed}"
        assert (len(ours), refused) == (1, 1), f"seed {seed}"
        winners.update(ours)
    assert winners == {"capture", "void"}


@pytest.mark.parametrize("lookup", [LookupAuthority.NONE, LookupAuthority.ADVISORY])
@virtual
async def test_a_void_that_nobody_can_be_asked_about_keeps_captures_out_for_good(lookup):
    world = World(contract=GatewayContract(lookup=lookup, idempotency_window_s=None))
    world["alpha"].script("void", Fault.HANG_BEFORE)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.cancel_payment(before.id)
        await elapse(7_200)
        with pytest.raises(OperationRefusedError, match="void in progress"):
            await aegis.capture_payment(before.id, idempotency_key="c")
        payment = await agreed(world, aegis, before.id)
        assert operations(payment) == [("void", "unknown", 10_000)]
