"""Refunds: each is made once, and all together never return more than was captured."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    AegisPay,
    AegisPayConfig,
    BreakerPolicy,
    Declined,
    DeclineKind,
    GatewayContract,
    IdempotencyConflictError,
    IllegalTransitionError,
    LookupAuthority,
    OperationKind,
    OperationRefusedError,
    OperationStatus,
    PaymentState,
    Reason,
    SimulatedGateway,
    UnsupportedOperationError,
    ValidationError,
)
from aegispay.gateways.script import Fault
from aegispay.storage.verify import verify
from tests.integration.engine.books import agreed, authorized, charged, operations, settled, types_after
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

REFUSED = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="no")


@pytest.mark.parametrize("amount", [None, "100.00"])
@virtual
async def test_a_full_refund_returns_what_was_captured(amount):
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount=amount, reason="broken")
        assert payment == await agreed(world, aegis, before.id)
        assert (payment.state, payment.refunded_minor) == (PaymentState.REFUNDED, 10_000)
        refund = payment.operation(OperationKind.REFUND, "r1")
        assert refund is not None
        assert (refund.status, refund.reason) == (OperationStatus.SUCCEEDED, "broken")
        assert await types_after(aegis, before) == [
            "payment.refund_requested",
            "payment.refund_succeeded",
            "payment.refunded",
        ]
    assert world.moved() == [("charge", 10_000), ("refund", 10_000)]


@virtual
async def test_partial_refunds_add_up_until_all_is_returned():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        states = []
        for number, amount in enumerate(("25.00", "25.00", "50.00")):
            payment = await aegis.refund_payment(before.id, idempotency_key=f"r{number}", amount=amount)
            states.append((payment.state, payment.refundable_minor))
        assert states == [
            (PaymentState.PARTIALLY_REFUNDED, 7_500),
            (PaymentState.PARTIALLY_REFUNDED, 5_000),
            (PaymentState.REFUNDED, 0),
        ]
        await agreed(world, aegis, before.id)
    assert world.moved() == [("charge", 10_000), ("refund", 2_500), ("refund", 2_500), ("refund", 5_000)]


@virtual
async def test_a_refund_of_all_that_is_left_returns_the_rest():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        await aegis.refund_payment(before.id, idempotency_key="r1", amount="33.33")
        payment = await aegis.refund_payment(before.id, idempotency_key="r2")
        assert operations(payment) == [("refund", "succeeded", 3_333), ("refund", "succeeded", 6_667)]
        await agreed(world, aegis, before.id)


@virtual
async def test_what_was_captured_in_pieces_is_refunded_up_to_their_sum():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="c1", amount="30.00", is_final=False)
        await aegis.capture_payment(before.id, idempotency_key="c2", amount="30.00")
        with pytest.raises(OperationRefusedError) as caught:
            await aegis.refund_payment(before.id, idempotency_key="r1", amount="60.01")
        assert (caught.value.reason, caught.value.available_minor) == ("refund_exceeds_captured", 6_000)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount="60.00")
        assert payment.state is PaymentState.REFUNDED
        await agreed(world, aegis, before.id)


@virtual
async def test_nothing_is_refunded_twice_after_everything_was_returned():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        refunded = await aegis.refund_payment(before.id, idempotency_key="r1")
        with pytest.raises(IllegalTransitionError, match="refunded"):
            await aegis.refund_payment(before.id, idempotency_key="r2", amount="0.01")
        assert await agreed(world, aegis, before.id) == refunded


@virtual
async def test_two_refunds_of_one_amount_with_two_keys_are_two_refunds():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        for key in ("r1", "r2"):
            await aegis.refund_payment(before.id, idempotency_key=key, amount="10.00")
        payment = await agreed(world, aegis, before.id)
        assert payment.refunded_minor == 2_000


@pytest.mark.parametrize("loop_seed", range(20))
@virtual
async def test_one_key_is_one_refund_however_many_ask(loop_seed):
    world = World(latency_s=(0.1, 2.0))
    async with world.engine() as aegis:
        before = await charged(aegis)
        asked = (aegis.refund_payment(before.id, idempotency_key="r1", amount="10.00") for _ in range(20))
        answers = await asyncio.gather(*asked)
        assert answers == [await agreed(world, aegis, before.id)] * 20, f"seed {loop_seed}"
    assert world.moved() == [("charge", 10_000), ("refund", 1_000)]


@virtual
async def test_one_key_for_another_amount_is_a_conflict():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount="10.00")
        with pytest.raises(IdempotencyConflictError) as caught:
            await aegis.refund_payment(before.id, idempotency_key="r1", amount="11.00")
        assert caught.value.fields == ("amount",)
        assert await agreed(world, aegis, before.id) == payment


@virtual
async def test_one_key_may_name_a_capture_and_a_refund_of_one_payment():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="same")
        payment = await aegis.refund_payment(before.id, idempotency_key="same", amount="1.00")
        assert operations(payment) == [("capture", "succeeded", 10_000), ("refund", "succeeded", 100)]
        await agreed(world, aegis, before.id)


@virtual
async def test_a_refund_that_the_gateway_refuses_has_failed_for_good_and_frees_its_amount():
    world = World()
    world["alpha"].script("refund", REFUSED)
    async with world.engine() as aegis:
        before = await charged(aegis)
        failed = await aegis.refund_payment(before.id, idempotency_key="r1")
        assert operations(failed) == [("refund", "failed", 10_000)]
        assert (failed.state, failed.refundable_minor) == (PaymentState.SUCCESS, 10_000)
        assert await aegis.refund_payment(before.id, idempotency_key="r1") == failed
        payment = await aegis.refund_payment(before.id, idempotency_key="r2")
        assert payment.state is PaymentState.REFUNDED
        await agreed(world, aegis, before.id)


@virtual
async def test_a_refund_in_another_currency_is_refused():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        with pytest.raises(ValidationError, match="the payment is in USD"):
            await aegis.refund_payment(before.id, idempotency_key="r1", amount="10.00", currency="EUR")
        assert await agreed(world, aegis, before.id) == before
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount="10.00", currency="USD")
        assert payment.refunded_minor == 1_000


@virtual
async def test_a_gateway_that_cannot_refund_is_not_asked_to():
    world = World(contract=GatewayContract(refund=False))
    async with world.engine() as aegis:
        before = await charged(aegis)
        with pytest.raises(UnsupportedOperationError, match="alpha cannot refund"):
            await aegis.refund_payment(before.id, idempotency_key="r1")
        assert await agreed(world, aegis, before.id) == before


@pytest.mark.parametrize("capture", ["manual", "automatic"])
@virtual
async def test_what_was_not_captured_is_not_refunded(capture):
    world = World()
    async with world.engine() as aegis:
        token = "tok_visa" if capture == "manual" else "tok_declined"
        before = await aegis.pay(**order(token=token, capture=capture))
        with pytest.raises(IllegalTransitionError, match="RequestOperation"):
            await aegis.refund_payment(before.id, idempotency_key="r1", amount="1.00")
        assert await agreed(world, aegis, before.id) == before


# --- many at once ---------------------------------------------------------------------------------------


async def refund_at_once(aegis, payment_id, numbers=range(100), amount="3.00"):
    asked = (aegis.refund_payment(payment_id, idempotency_key=f"r{n}", amount=amount) for n in numbers)
    return await asyncio.gather(*asked, return_exceptions=True)


def refusals(answers):
    return [answer for answer in answers if isinstance(answer, OperationRefusedError)]


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_of_a_hundred_refunds_at_once_exactly_those_that_fit_are_made(loop_seed):
    world = World(latency_s=(0.1, 5.0))
    async with world.engine() as aegis:
        before = await charged(aegis)
        answers = await refund_at_once(aegis, before.id)
        assert len(refusals(answers)) == 67, f"seed {loop_seed}"
        payment = await agreed(world, aegis, before.id)
        assert (payment.refunded_minor, payment.refundable_minor) == (9_900, 100)


def trouble(world, times=10):
    for fault in (Fault.HANG_AFTER, Fault.ERROR_AFTER, Fault.HANG_BEFORE):
        world["alpha"].script("refund", fault, times=times)


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_exactly_those_that_fit_are_made_although_a_third_of_the_calls_go_wrong(loop_seed):
    world = World(latency_s=(0.1, 5.0))
    async with world.engine() as aegis:
        before = await charged(aegis)
        trouble(world)
        answers = await refund_at_once(aegis, before.id)
        assert len(refusals(answers)) == 67, f"seed {loop_seed}"
        payment = await settled(aegis, before.id)
        assert operations(payment) == [("refund", "succeeded", 300)] * 33
        assert payment == await agreed(world, aegis, before.id)


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_exactly_those_that_fit_are_made_although_the_engine_ends_in_the_middle(loop_seed):
    world = World(latency_s=(0.1, 5.0))
    async with world.engine(shutdown_s=0.5) as aegis:
        before = await charged(aegis)
        trouble(world)
        asking = asyncio.create_task(refund_at_once(aegis, before.id))
        await elapse(2.0)
    await asking
    async with world.engine() as aegis:
        await refund_at_once(aegis, before.id)
        payment = await settled(aegis, before.id)
        assert operations(payment) == [("refund", "succeeded", 300)] * 33, f"seed {loop_seed}"
        assert payment == await agreed(world, aegis, before.id)


def test_exactly_those_that_fit_are_made_and_known_on_disk(tmp_path):
    async def scenario():
        alpha = SimulatedGateway("alpha")
        breaker = BreakerPolicy(failures_max=1_000)
        config = AegisPayConfig(check_delays_s=(0.001,), wake_interval_s=0.001, breaker=breaker)
        for fault in (Fault.ERROR_AFTER, Fault.RAISE_AFTER, Fault.ERROR_BEFORE):
            alpha.script("refund", fault, times=10)
        async with AegisPay(tmp_path / "payments.db", gateways=[alpha], config=config) as aegis:
            before = await charged(aegis)
            answers = await refund_at_once(aegis, before.id)
            assert len(refusals(answers)) == 67
        async with AegisPay(tmp_path / "payments.db", gateways=[alpha], config=config) as aegis:
            while (payment := await aegis.get_payment(before.id)).has_open_operation:
                await elapse(0.001)
        assert operations(payment) == [("refund", "succeeded", 300)] * 33
        entries = alpha.ledger.of_payment(before.id)
        assert sum(entry.amount_minor for entry in entries if entry.kind.value == "refund") == 9_900

    asyncio.run(scenario())
    assert verify(tmp_path / "payments.db").problems == ()


# --- in doubt -------------------------------------------------------------------------------------------


@virtual
async def test_a_refund_in_doubt_keeps_its_amount_reserved_through_a_restart_until_look_up_finds_it():
    world = World(contract=GatewayContract(visibility_delay_s=600, idempotency_window_s=None))
    world["alpha"].script("refund", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await charged(aegis)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount="60.00")
        assert operations(payment) == [("refund", "unknown", 6_000)]
    async with world.engine() as aegis:
        with pytest.raises(OperationRefusedError) as caught:
            await aegis.refund_payment(before.id, idempotency_key="r2", amount="40.01")
        assert caught.value.available_minor == 4_000
        payment = await settled(aegis, before.id)
        assert payment == await agreed(world, aegis, before.id)
        assert (payment.refunded_minor, payment.refundable_minor) == (6_000, 4_000)


@virtual
async def test_a_refund_that_never_arrived_is_sent_again_under_the_same_key():
    world = World()
    sent = []

    async def refund(request):
        sent.append(request)
        if len(sent) == 1:
            raise ConnectionResetError
        return odd.take(request)

    async def charge(request):
        return odd.take(request)

    odd = Adapter(charge, refund=refund, ledger=world.ledger, clock=world.clock)
    world.gateways.clear()
    async with world.engine(odd) as aegis:
        before = await charged(aegis)
        await aegis.refund_payment(before.id, idempotency_key="r1", amount="60.00")
        payment = await settled(aegis, before.id)
        assert operations(payment) == [("refund", "succeeded", 6_000)]
        assert sent == [sent[0], sent[0]]
        await agreed(world, aegis, before.id)


@virtual
async def test_a_refund_that_nobody_can_be_asked_about_stays_reserved_until_a_verdict_frees_it():
    world = World(contract=GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None))
    world["alpha"].script("refund", Fault.HANG_BEFORE)
    async with world.engine() as aegis:
        before = await charged(aegis)
        await aegis.refund_payment(before.id, idempotency_key="r1", amount="60.00")
        await elapse(7_200)
        payment = await aegis.get_payment(before.id)
        assert (operations(payment), payment.refundable_minor) == ([("refund", "unknown", 6_000)], 4_000)
        payment = await aegis.resolve_payment(before.id, "not_executed", evidence="not in portal", operator="ops")
        assert (operations(payment), payment.refundable_minor) == ([("refund", "failed", 6_000)], 10_000)
        payment = await aegis.refund_payment(before.id, idempotency_key="r2")
        assert payment.state is PaymentState.REFUNDED
        await agreed(world, aegis, before.id)
