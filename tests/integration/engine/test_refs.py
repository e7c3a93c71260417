"""Talking to a payment's actor oneself, from the loop and from other threads."""

from __future__ import annotations

import threading

import pykka
import pytest

from aegispay import Approved, BlockingAegisPay, MemoryStore, PaymentNotFoundError, PaymentState, SimulatedGateway
from aegispay.actors.calls import CallResult, GatewayCall
from aegispay.actors.errors import NotReadyError, UnknownMessageError
from aegispay.actors.payment_messages import GetPayment, OutcomeArrived, ProcessPayment, RefusedError
from aegispay.domain.resolution import Purpose
from aegispay.ports import ChargeRequest
from tests.integration.engine.rig import World, elapse, order, virtual

NOBODY = "pay_" + "0" * 26


@virtual
async def test_a_payment_can_be_asked_from_the_loop():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        ref = aegis.payment_ref(payment.id)
        assert isinstance(ref, pykka.ActorRef)
        assert ref.actor_urn == payment.id
        assert await ref.ask(GetPayment(), block=False) == payment


@virtual
async def test_a_told_payment_processes_by_itself():
    world = World(latency_s=1.0)
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        aegis.payment_ref(payment.id).tell(ProcessPayment())
        await elapse(2)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS


@virtual
async def test_a_blocking_ask_on_the_loop_raises_instead_of_deadlocking():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        with pytest.raises(NotReadyError, match="await"):
            aegis.payment_ref(payment.id).ask(GetPayment())


@virtual
async def test_a_message_nobody_knows_is_refused_and_harms_nothing():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        ref = aegis.payment_ref(payment.id)
        with pytest.raises(UnknownMessageError, match="str"):
            await ref.ask("hello", block=False)
        assert await ref.ask(GetPayment(), block=False) == payment


@virtual
async def test_the_actor_of_an_unknown_payment_refuses_with_the_engines_error():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(RefusedError, match=NOBODY) as caught:
            await aegis.payment_ref(NOBODY).ask(GetPayment(), block=False)
    assert isinstance(caught.value.error, PaymentNotFoundError)


@virtual
async def test_there_is_no_ref_of_what_cannot_be_a_payment():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(PaymentNotFoundError, match="pay_nobody"):
            aegis.payment_ref("pay_nobody")
        assert (await aegis.health()).actors == 0


@virtual
async def test_a_ref_outlives_the_actor_it_was_taken_from():
    world = World()
    async with world.engine(actor_idle_s=1.0) as aegis:
        payment = await aegis.create_payment(**order())
        ref = aegis.payment_ref(payment.id)
        await elapse(5)
        assert (await aegis.health()).actors == 0
        assert await ref.ask(GetPayment(), block=False) == payment
        assert (await aegis.health()).actors == 1


def told(payment, answer):
    """Return a gateway's answer about the payment's last attempt, as its actor gets it."""
    attempt = payment.attempts[-1]
    request = ChargeRequest(
        payment_id=payment.id,
        reference=attempt.operation_id,
        idempotency_key=attempt.idempotency_key,
        money=payment.money,
        payment_method=payment.payment_method,
        customer=None,
        metadata={},
        capture=payment.request.capture,
        timeout_s=30.0,
    )
    call = GatewayCall(
        payment_id=payment.id,
        operation_id=attempt.operation_id,
        purpose=Purpose.SEND,
        request=request,
        start_before=0.0,
    )
    return OutcomeArrived(CallResult(call=call, gateway=attempt.gateway, answer=answer))


@virtual
async def test_the_same_outcome_told_twice_changes_nothing():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        same = Approved(reference=payment.attempts[0].reference, amount_minor=10_000, currency="USD")
        for _ in range(3):
            aegis.payment_ref(payment.id).tell(told(payment, same))
        await elapse(1)
        assert await aegis.get_payment(payment.id) == payment


@virtual
async def test_a_late_approval_of_a_failed_payment_is_an_incident_and_not_a_resurrection():
    world = World()
    async with world.engine() as aegis:
        failed = await aegis.pay(**order(token="tok_declined"))
        late = Approved(reference="late-1", amount_minor=10_000, currency="USD")
        for _ in range(3):
            aegis.payment_ref(failed.id).tell(told(failed, late))
        await elapse(1)
        payment = await aegis.get_payment(failed.id)
        listed = (await aegis.list_payments(has_incident=True)).payments
    assert payment.state is PaymentState.FAILURE
    (incident,) = payment.incidents
    assert "late-1" in incident.detail
    assert listed == (payment,)


def test_other_threads_ask_and_tell_as_with_pykka():
    with BlockingAegisPay(MemoryStore(), gateways=[SimulatedGateway("alpha")]) as aegis:
        payment = aegis.create_payment(**order())
        ref = aegis.payment_ref(payment.id)
        answers: list[object] = []
        threads = [threading.Thread(target=lambda: answers.append(ref.ask(GetPayment(), timeout=10))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert answers == [payment] * 4
        ref.tell(ProcessPayment())
        assert aegis.process_payment(payment.id).state is PaymentState.SUCCESS
        assert ref.ask(GetPayment(), block=False).get(timeout=10).state is PaymentState.SUCCESS
