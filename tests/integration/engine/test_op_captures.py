"""Captures: each amount is collected once, never more than was authorized, and the provider's books say the same."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    CaptureSupport,
    Declined,
    DeclineKind,
    GatewayContract,
    IdempotencyConflictError,
    IllegalTransitionError,
    OperationKind,
    OperationRefusedError,
    OperationStatus,
    PaymentState,
    Reason,
    UnsupportedOperationError,
)
from tests.integration.engine.books import agreed, authorized, charged, operations, types_after
from tests.integration.engine.rig import World, elapse, virtual

REFUSED = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="no")


def taking(capture):
    return GatewayContract(capture=capture)


@pytest.mark.parametrize("amount", [None, "100.00"])
@virtual
async def test_a_full_capture_collects_what_was_authorized(amount):
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.capture_payment(before.id, idempotency_key="c1", amount=amount)
        assert payment == await agreed(world, aegis, before.id)
        assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 10_000)
        assert await types_after(aegis, before) == [
            "payment.capture_requested",
            "payment.capture_succeeded",
            "payment.succeeded",
        ]
    assert world.moved() == [("authorize", 10_000), ("capture", 10_000)]


@virtual
async def test_a_final_capture_of_a_part_gives_the_rest_up():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00")
        assert (payment.state, payment.captured_minor, payment.capturable_minor) == (PaymentState.SUCCESS, 6_000, 0)
        with pytest.raises(IllegalTransitionError):
            await aegis.capture_payment(before.id, idempotency_key="c2", amount="40.00")
        assert payment == await agreed(world, aegis, before.id)


@virtual
async def test_several_captures_collect_the_authorization_piece_by_piece():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        first = await aegis.capture_payment(before.id, idempotency_key="c1", amount="30.00", is_final=False)
        assert (first.state, first.capturable_minor) == (PaymentState.AUTHORIZED, 7_000)
        second = await aegis.capture_payment(before.id, idempotency_key="c2", amount="30.00", is_final=False)
        assert (second.state, second.capturable_minor) == (PaymentState.AUTHORIZED, 4_000)
        third = await aegis.capture_payment(before.id, idempotency_key="c3")
        assert (third.state, third.captured_minor) == (PaymentState.SUCCESS, 10_000)
        await agreed(world, aegis, before.id)
    assert world.moved() == [("authorize", 10_000), ("capture", 3_000), ("capture", 3_000), ("capture", 4_000)]


@virtual
async def test_captures_that_take_the_last_cent_end_the_payment_although_none_was_final():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        for key in ("c1", "c2"):
            payment = await aegis.capture_payment(before.id, idempotency_key=key, amount="50.00", is_final=False)
        assert payment.state is PaymentState.SUCCESS
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize(
    ("capture", "asked", "word"),
    [
        (CaptureSupport.FULL, {"amount": "60.00"}, "alpha captures only the whole amount"),
        (CaptureSupport.FULL, {"is_final": False}, "alpha takes one capture per payment"),
        (CaptureSupport.PARTIAL, {"amount": "60.00", "is_final": False}, "alpha takes one capture per payment"),
    ],
)
@virtual
async def test_a_capture_that_the_gateway_cannot_make_is_refused_before_it_is_asked(capture, asked, word):
    world = World(contract=taking(capture))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        calls = world["alpha"].calls
        with pytest.raises(UnsupportedOperationError, match=word):
            await aegis.capture_payment(before.id, idempotency_key="c1", **asked)
        assert await agreed(world, aegis, before.id) == before
        assert world["alpha"].calls == calls


@pytest.mark.parametrize(("capture", "amount", "left"), [(CaptureSupport.FULL, None, 0), ("partial", "60.00", 0)])
@virtual
async def test_a_capture_within_the_contract_is_made(capture, amount, left):
    world = World(contract=taking(CaptureSupport(capture)))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.capture_payment(before.id, idempotency_key="c1", amount=amount)
        assert (payment.state, payment.capturable_minor) == (PaymentState.SUCCESS, left)
        await agreed(world, aegis, before.id)


@virtual
async def test_a_gateway_that_cannot_capture_gets_no_manual_payment():
    world = World(contract=taking(CaptureSupport.NONE))
    async with world.engine() as aegis:
        with pytest.raises(AssertionError):
            await authorized(aegis)
    assert world.moved() == []


@virtual
async def test_more_than_was_authorized_is_refused_and_nothing_changes():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        with pytest.raises(OperationRefusedError, match=r"100\.00 USD is left") as caught:
            await aegis.capture_payment(before.id, idempotency_key="c1", amount="100.01")
        refused = caught.value
        assert (refused.kind, refused.reason) == ("capture", "capture_exceeds_authorized")
        assert (refused.payment_id, refused.available_minor) == (before.id, 10_000)
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_more_than_is_left_is_refused_after_a_part_was_captured():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        part = await aegis.capture_payment(before.id, idempotency_key="c1", amount="70.00", is_final=False)
        with pytest.raises(OperationRefusedError) as caught:
            await aegis.capture_payment(before.id, idempotency_key="c2", amount="30.01")
        assert caught.value.available_minor == 3_000
        assert await agreed(world, aegis, before.id) == part


@virtual
async def test_nothing_is_captured_after_the_authorization_lapsed():
    world = World(contract=GatewayContract(authorization_validity_s=3_600))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await elapse(3_700)
        lapsed = await aegis.get_payment(before.id)
        assert lapsed.state is PaymentState.CANCELLED
        with pytest.raises(IllegalTransitionError, match="cancelled"):
            await aegis.capture_payment(before.id, idempotency_key="c1")
        assert await agreed(world, aegis, before.id) == lapsed
    assert world.moved() == [("authorize", 10_000)]


@virtual
async def test_nothing_is_captured_after_a_cancel():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        cancelled = await aegis.cancel_payment(before.id)
        with pytest.raises(IllegalTransitionError) as caught:
            await aegis.capture_payment(before.id, idempotency_key="c1")
        assert (caught.value.state, caught.value.reason) == ("cancelled", "not_allowed_in_this_state")
        assert await agreed(world, aegis, before.id) == cancelled
    assert world.moved() == [("authorize", 10_000), ("void", 10_000)]


@virtual
async def test_a_payment_that_was_captured_at_once_is_not_captured_again():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        with pytest.raises(IllegalTransitionError, match="success"):
            await aegis.capture_payment(before.id, idempotency_key="c1")
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_payment_that_was_not_processed_is_not_captured():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.create_payment(
            idempotency_key="o", amount="5.00", currency="USD", payment_method={"type": "card", "token": "tok_visa"}
        )
        with pytest.raises(IllegalTransitionError, match="initiated"):
            await aegis.capture_payment(before.id, idempotency_key="c1")
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_the_same_key_gets_the_same_answer_without_another_call():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        first = await aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00")
        calls = world["alpha"].calls
        assert await aegis.capture_payment(before.id, idempotency_key="c1", amount="60") == first
        assert world["alpha"].calls == calls
        await agreed(world, aegis, before.id)


@virtual
async def test_a_repetition_for_all_that_was_left_is_the_same_capture():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        first = await aegis.capture_payment(before.id, idempotency_key="c1")
        assert await aegis.capture_payment(before.id, idempotency_key="c1") == first
        await agreed(world, aegis, before.id)


@virtual
async def test_a_capture_that_failed_stays_failed_under_its_key_and_its_amount_is_free_for_another():
    world = World()
    world["alpha"].script("capture", REFUSED)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        failed = await aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00")
        capture = failed.operation(OperationKind.CAPTURE, "c1")
        assert capture is not None
        assert capture.failure is not None
        assert (capture.status, capture.failure.reason) == (OperationStatus.FAILED, Reason.DO_NOT_HONOR)
        assert (failed.state, failed.capturable_minor) == (PaymentState.AUTHORIZED, 10_000)
        assert await aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00") == failed
        payment = await aegis.capture_payment(before.id, idempotency_key="c2", amount="60.00")
        assert operations(payment) == [("capture", "failed", 6_000), ("capture", "succeeded", 6_000)]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize(
    ("first", "second", "fields"),
    [
        ({"amount": "60.00"}, {"amount": "50.00"}, ("amount",)),
        ({"amount": "60.00"}, {"amount": None}, ("amount",)),
        ({"amount": "60.00"}, {"amount": "60.00", "is_final": False}, ("is_final",)),
        ({"amount": "60.00"}, {"amount": "50.00", "is_final": False}, ("amount", "is_final")),
    ],
)
@virtual
async def test_the_same_key_for_another_capture_is_a_conflict_that_names_the_difference(first, second, fields):
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        payment = await aegis.capture_payment(before.id, idempotency_key="c1", **first)
        with pytest.raises(IdempotencyConflictError) as caught:
            await aegis.capture_payment(before.id, idempotency_key="c1", **second)
        assert (caught.value.payment_id, caught.value.fields) == (before.id, fields)
        assert await agreed(world, aegis, before.id) == payment


@pytest.mark.parametrize("loop_seed", range(20))
@virtual
async def test_captures_at_once_under_one_key_are_one_capture(loop_seed):
    world = World(latency_s=(0.1, 2.0))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        asked = (aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00") for _ in range(20))
        answers = await asyncio.gather(*asked)
        payment = await agreed(world, aegis, before.id)
        assert answers == [payment] * 20, f"seed {loop_seed}"
    assert world.moved() == [("authorize", 10_000), ("capture", 6_000)]


@pytest.mark.parametrize("loop_seed", range(20))
@virtual
async def test_of_captures_at_once_exactly_those_that_fit_are_made(loop_seed):
    world = World(latency_s=(0.1, 2.0))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        asked = (
            aegis.capture_payment(before.id, idempotency_key=f"c{n}", amount="30.00", is_final=False) for n in range(5)
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, OperationRefusedError)]
        assert len(refused) == 2, f"seed {loop_seed}"
        assert {(each.reason, each.available_minor) for each in refused} == {("capture_exceeds_authorized", 1_000)}
        payment = await agreed(world, aegis, before.id)
        assert payment.captured_minor == 9_000
    assert sorted(world.moved()) == [("authorize", 10_000)] + [("capture", 3_000)] * 3


@virtual
async def test_while_a_final_capture_is_under_way_no_other_is_accepted():
    world = World(latency_s=1.0)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        first = asyncio.create_task(aegis.capture_payment(before.id, idempotency_key="c1", amount="60.00"))
        await elapse(0.5)
        with pytest.raises(OperationRefusedError) as caught:
            await aegis.capture_payment(before.id, idempotency_key="c2", amount="10.00")
        assert caught.value.reason == "capture_in_progress"
        assert (await first).captured_minor == 6_000
        await agreed(world, aegis, before.id)


@virtual
async def test_of_a_part_that_was_authorized_the_part_is_captured():
    world = World(contract=GatewayContract(partial_authorization=True))
    async with world.engine() as aegis:
        before = await authorized(aegis, token="tok_partial")
        assert (before.authorized_minor, before.is_partially_authorized) == (6_000, True)
        with pytest.raises(OperationRefusedError) as caught:
            await aegis.capture_payment(before.id, idempotency_key="c1", amount="100.00")
        assert caught.value.available_minor == 6_000
        payment = await aegis.capture_payment(before.id, idempotency_key="c2")
        assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 6_000)
        await agreed(world, aegis, before.id)
