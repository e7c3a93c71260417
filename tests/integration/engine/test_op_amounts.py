"""Answers and verdicts about another amount: never success by themselves; a person has to look."""

from __future__ import annotations

import pytest

from aegispay import (
    GatewayContract,
    IllegalTransitionError,
    LookupAuthority,
    OperationRefusedError,
    PaymentState,
    Reason,
    ValidationError,
)
from aegispay.gateways.script import Fault
from tests.integration.engine.books import DONE, MUTE, SAID, agreed, authorized, charged, doubtful, operations
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual


@pytest.mark.parametrize("capture", ["automatic", "manual"])
@virtual
async def test_a_charge_of_another_amount_is_no_success_until_a_person_says_what_is_true(capture):
    world = World()
    async with world.engine() as aegis:
        before = await doubtful(world, aegis, Fault.WRONG_AMOUNT, capture=capture)
        assert [incident.reason for incident in before.incidents] == [Reason.AMOUNT_MISMATCH]
        await elapse(4_000)
        payment = await aegis.get_payment(before.id)
        assert (payment.state, payment.in_doubt, len(payment.incidents)) == (PaymentState.PROCESSING, True, 1)
        payment = await aegis.resolve_payment(before.id, "executed", **DONE, amount="100.00")
        (incident,) = payment.incidents
        payment = await aegis.close_incident(
            before.id, incident.id, operator="mira", detail="a display error of theirs"
        )
        assert [each.is_open for each in payment.incidents] == [False]
        expected = PaymentState.SUCCESS if capture == "automatic" else PaymentState.AUTHORIZED
        assert payment.state is expected
        assert payment == await agreed(world, aegis, before.id)


@pytest.mark.parametrize("kind", ["capture", "refund"])
@virtual
async def test_an_operation_of_another_amount_keeps_its_reservation_until_a_person_says_what_is_true(kind):
    world = World()
    world["alpha"].script(kind, Fault.WRONG_AMOUNT)
    async with world.engine() as aegis:
        if kind == "capture":
            before = await authorized(aegis)
            payment = await aegis.capture_payment(before.id, idempotency_key="k", amount="40.00")
        else:
            before = await charged(aegis)
            payment = await aegis.refund_payment(before.id, idempotency_key="k", amount="40.00")
        assert operations(payment) == [(kind, "unknown", 4_000)]
        assert [incident.reason for incident in payment.incidents] == [Reason.AMOUNT_MISMATCH]
        await elapse(4_000)
        payment = await aegis.get_payment(before.id)
        assert operations(payment) == [(kind, "unknown", 4_000)]
        payment = await aegis.resolve_payment(before.id, "executed", **DONE)
        assert operations(payment) == [(kind, "succeeded", 4_000)]
        await agreed(world, aegis, before.id)


@virtual
async def test_an_answer_in_another_currency_is_no_success():
    world = World()

    async def charge(request):
        odd.take(request)
        return approval(request, currency="EUR")

    odd = Adapter(charge, contract=MUTE, ledger=world.ledger, clock=world.clock)
    world.gateways.clear()
    async with world.engine(odd) as aegis:
        payment = await aegis.pay(**order())
        assert (payment.state, payment.captured_minor) == (PaymentState.PROCESSING, 0)
        assert [incident.reason for incident in payment.incidents] == [Reason.AMOUNT_MISMATCH]
        payment = await aegis.resolve_payment(payment.id, "executed", **DONE)
        assert payment == await agreed(world, aegis, payment.id)


@virtual
async def test_an_authorization_of_less_than_was_asked_is_taken_for_what_a_person_says_it_is():
    world = World(
        contract=GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None, partial_authorization=True)
    )
    async with world.engine() as aegis:
        before = await doubtful(world, aegis, capture="manual", token="tok_partial")
        reference = world["alpha"].notifications()[0].outcome.reference
        said = SAID | {"gateway_reference": reference}
        with pytest.raises(ValidationError, match="say how much was authorized"):
            await aegis.resolve_payment(before.id, "executed", **said)
        held = await aegis.resolve_payment(before.id, "executed", **said, amount="60.00")
        assert (held.state, held.authorized_minor) == (PaymentState.AUTHORIZED, 6_000)
        await aegis.capture_payment(before.id, idempotency_key="c1")
        assert (await agreed(world, aegis, before.id)).captured_minor == 6_000


@pytest.mark.parametrize("amount", ["60.00", "100.01", "0", "-1", "x", 1e-7, True])
@virtual
async def test_a_verdict_cannot_say_that_a_charge_was_of_another_amount(amount):
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        with pytest.raises(ValidationError) as caught:
            await aegis.resolve_payment(before.id, "executed", **DONE, amount=amount)
        assert [each.field for each in caught.value.errors] == ["amount"]
        assert await aegis.get_payment(before.id) == before


@virtual
async def test_that_something_was_done_is_said_with_the_id_under_which_the_gateway_has_it():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        with pytest.raises(ValidationError, match=f"say under which id the gateway has {before.attempts[0].id}"):
            await aegis.resolve_payment(before.id, "executed", **SAID)
        assert await aegis.get_payment(before.id) == before


@virtual
async def test_after_a_verdict_the_money_can_be_refunded_under_the_id_that_was_given():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        reference = world["alpha"].notifications()[0].outcome.reference
        await aegis.resolve_payment(before.id, "executed", **(SAID | {"gateway_reference": reference}))
        payment = await aegis.refund_payment(before.id, idempotency_key="r1")
        assert payment.state is PaymentState.REFUNDED
        await agreed(world, aegis, before.id)


@virtual
async def test_while_an_amount_is_disputed_nothing_more_is_captured_or_refunded():
    world = World()
    world["alpha"].script("refund", Fault.WRONG_AMOUNT)
    async with world.engine() as aegis:
        before = await charged(aegis)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount="40.00")
        with pytest.raises((OperationRefusedError, IllegalTransitionError), match="incident is open"):
            await aegis.refund_payment(before.id, idempotency_key="r2", amount="10.00")
        await aegis.resolve_payment(before.id, "executed", **DONE)
        await aegis.close_incident(before.id, payment.incidents[0].id, operator="mira", detail="a display error")
        payment = await aegis.refund_payment(before.id, idempotency_key="r2", amount="10.00")
        assert payment.refunded_minor == 5_000
        await agreed(world, aegis, before.id)
