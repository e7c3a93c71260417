"""What people decide: a verdict ends a doubt, once, and what contradicts it later calls for a person again."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    BeingAskedError,
    NotInDoubtError,
    OperationKind,
    OperationStatus,
    PaymentState,
    Reason,
    ValidationError,
    Verdict,
)
from aegispay.gateways.script import Fault
from aegispay.ports import Receipt
from tests.integration.engine.books import (
    DONE,
    MUTE,
    SAID,
    agreed,
    authorized,
    charged,
    deliver,
    doubtful,
    operations,
    types_after,
)
from tests.integration.engine.rig import World, elapse, order, virtual

# --- charges --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["executed", Verdict.EXECUTED])
@virtual
async def test_a_charge_that_was_made_is_a_success_and_the_log_says_who_said_so(verdict):
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        payment = await aegis.resolve_payment(before.id, verdict, **DONE)
        assert payment == await agreed(world, aegis, before.id)
        assert (payment.state, payment.attempts[0].reference) == (PaymentState.SUCCESS, "alpha_1")
        assert await types_after(aegis, before) == ["payment.outcome_resolved", "payment.succeeded"]
        resolved = (await aegis.payment_events(before.id))[-2].event
        assert (resolved.evidence, resolved.detail) == ("operator", "mira: seen in the portal")


@virtual
async def test_a_charge_that_was_not_made_ends_the_payment_and_no_other_gateway_is_tried():
    world = World("alpha", "beta", contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis, Fault.HANG_BEFORE, gateway="alpha")
        payment = await aegis.resolve_payment(before.id, "not_executed", **SAID)
        assert payment.failure is not None
        assert (payment.state, payment.failure.reason) == (PaymentState.FAILURE, Reason.OPERATOR_VERDICT)
        assert (payment.failure.message, len(payment.attempts)) == ("seen in the portal", 1)
        assert payment == await agreed(world, aegis, before.id)


@virtual
async def test_an_authorization_that_was_made_can_be_captured():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis, capture="manual")
        reference = world["alpha"].notifications()[0].outcome.reference
        held = await aegis.resolve_payment(before.id, "executed", **(SAID | {"gateway_reference": reference}))
        assert held.state is PaymentState.AUTHORIZED
        payment = await aegis.capture_payment(before.id, idempotency_key="c1")
        assert payment.state is PaymentState.SUCCESS
        await agreed(world, aegis, before.id)


@virtual
async def test_a_cancelled_charge_that_a_person_says_was_made_is_returned():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        await aegis.cancel_payment(before.id)
        reference = world["alpha"].notifications()[0].outcome.reference
        await aegis.resolve_payment(before.id, "executed", **(SAID | {"gateway_reference": reference}))
        await elapse(1)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, operations(payment)) == (PaymentState.REFUNDED, [("refund", "succeeded", 10_000)])


@pytest.mark.parametrize("verdict", Verdict)
@virtual
async def test_there_is_no_verdict_about_what_is_not_in_doubt(verdict):
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        with pytest.raises(NotInDoubtError, match="is not in doubt"):
            await aegis.resolve_payment(before.id, verdict, **DONE)
        with pytest.raises(NotInDoubtError):
            await aegis.resolve_payment(before.id, verdict, **DONE, reference=before.attempts[0].id)
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_verdict_is_given_once():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        asked = (aegis.resolve_payment(before.id, verdict, **DONE) for verdict in ("executed", "not_executed"))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer).__name__ for answer in answers] == ["Payment", "NotInDoubtError"]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("verdict", ["maybe", "EXECUTED", "", None, 1, [], {}, True])
@virtual
async def test_a_verdict_that_does_not_exist_changes_nothing(verdict):
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        with pytest.raises(ValidationError, match="use executed or not_executed"):
            await aegis.resolve_payment(before.id, verdict, **DONE)
        assert await aegis.get_payment(before.id) == before


@virtual
async def test_while_the_gateway_is_being_asked_its_answer_goes_before_a_verdict():
    world = World()
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        world["alpha"].latency_s = 5.0
        await elapse(3)
        with pytest.raises(BeingAskedError, match="alpha is being asked"):
            await aegis.resolve_payment(before.id, "not_executed", **SAID)
        await elapse(10)
        payment = await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.SUCCESS


@virtual
async def test_a_verdict_waits_for_the_first_answer_too():
    world = World(latency_s=5.0)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(1)
        (row,) = (await aegis.list_payments()).payments
        with pytest.raises(NotInDoubtError):
            await aegis.resolve_payment(row.id, "not_executed", **SAID)
        assert (await paying).state is PaymentState.SUCCESS


@virtual
async def test_a_webhook_that_contradicts_a_verdict_opens_an_incident_and_changes_no_money():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        failed = await aegis.resolve_payment(before.id, "not_executed", **SAID)
        (said,) = world["alpha"].notifications()
        assert await deliver(world, aegis, said) is Receipt.STORED
        payment = await aegis.get_payment(before.id)
        assert (payment.state, payment.captured_minor) == (failed.state, 0)
        assert [(i.reason, i.is_open) for i in payment.incidents] == [(Reason.LATE_APPROVAL, True)]
        assert world.captured_minor(before.id) == 10_000
        (listed,) = (await aegis.list_payments(has_incident=True)).payments
        assert listed == payment


# --- operations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "fault", "status", "refunded"),
    [
        ("executed", Fault.ERROR_AFTER, OperationStatus.SUCCEEDED, 4_000),
        ("not_executed", Fault.ERROR_BEFORE, OperationStatus.FAILED, 0),
    ],
)
@virtual
async def test_a_verdict_about_a_refund_moves_its_amount_or_frees_it(verdict, fault, status, refunded):
    world = World(contract=MUTE)
    world["alpha"].script("refund", fault)
    async with world.engine() as aegis:
        before = await charged(aegis)
        await aegis.refund_payment(before.id, idempotency_key="r1", amount="40.00")
        payment = await aegis.resolve_payment(before.id, verdict, **DONE)
        refund = payment.operation(OperationKind.REFUND, "r1")
        assert refund is not None
        assert (refund.status, payment.refunded_minor) == (status, refunded)
        assert payment.refundable_minor == 10_000 - refunded
        assert payment == await agreed(world, aegis, before.id)


@pytest.mark.parametrize(
    ("kind", "verdict", "fault", "state"),
    [
        ("capture", "executed", Fault.ERROR_AFTER, PaymentState.SUCCESS),
        ("capture", "not_executed", Fault.ERROR_BEFORE, PaymentState.AUTHORIZED),
        ("void", "executed", Fault.ERROR_AFTER, PaymentState.CANCELLED),
        ("void", "not_executed", Fault.ERROR_BEFORE, PaymentState.AUTHORIZED),
    ],
)
@virtual
async def test_a_verdict_about_a_capture_or_void_ends_or_frees_the_authorization(kind, verdict, fault, state):
    world = World(contract=MUTE)
    world["alpha"].script(kind, fault)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        if kind == "capture":
            await aegis.capture_payment(before.id, idempotency_key="c1")
        else:
            await aegis.cancel_payment(before.id)
        payment = await aegis.resolve_payment(before.id, verdict, **DONE)
        assert payment == await agreed(world, aegis, before.id)
        assert payment.state is state


@virtual
async def test_of_several_doubts_the_one_meant_has_to_be_named():
    world = World(contract=MUTE)
    world["alpha"].script("refund", Fault.ERROR_AFTER, times=2)
    async with world.engine() as aegis:
        before = await charged(aegis)
        for key, amount in (("r1", "10.00"), ("r2", "20.00")):
            payment = await aegis.refund_payment(before.id, idempotency_key=key, amount=amount)
        first, second = (doubt.id for doubt in payment.doubts)
        with pytest.raises(NotInDoubtError, match=f"several things in doubt: {first}, {second}"):
            await aegis.resolve_payment(before.id, "executed", **DONE)
        with pytest.raises(NotInDoubtError, match=f"in doubt are {first}, {second}"):
            await aegis.resolve_payment(before.id, "executed", **DONE, reference="other")
        await aegis.resolve_payment(before.id, "executed", **DONE, reference=second)
        payment = await aegis.resolve_payment(before.id, "executed", **DONE)
        assert payment.refunded_minor == 3_000
        await agreed(world, aegis, before.id)
