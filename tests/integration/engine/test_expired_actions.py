"""The payer's time to act is over: what he did meanwhile counts, not what we were told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from aegispay import NextAction, NotFound, OutcomeUnknown, PaymentState, Reason, RequiresAction
from aegispay.domain.outcome import ActionKind
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

_TIME_TO_ACT_S = 60


def challenging(world, *, look):
    async def charge(request):
        expires_at = world.clock.now() + timedelta(seconds=_TIME_TO_ACT_S)
        action = NextAction(kind=ActionKind.REDIRECT, url="https://bank.example", expires_at=expires_at)
        world.requests.append(request)
        return RequiresAction(reference="r-1", action=action)

    world.requests = []
    gateway = Adapter(charge, lookup=look, name="alpha", ledger=world.ledger)
    world.gateways.clear()
    return gateway


@virtual
async def test_a_payer_who_passed_the_challenge_unnoticed_has_paid_and_is_not_asked_to_pay_again():
    world = World()
    approvals: list[object] = []

    async def look(_request):
        return approvals[0]

    alpha = challenging(world, look=look)
    async with world.engine(alpha) as aegis:
        payment = await aegis.pay(**order())
        asyncio.get_running_loop().call_later(30, lambda: approvals.append(alpha.take(world.requests[0])))
        await elapse(_TIME_TO_ACT_S + 5)
        payment = await aegis.get_payment(payment.id)
    assert payment.state is PaymentState.SUCCESS
    assert len(alpha.lookups) == 1
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_payer_who_did_nothing_has_failed_to_pay():
    world = World()

    async def look(_request):
        return NotFound()

    alpha = challenging(world, look=look)
    async with world.engine(alpha) as aegis:
        payment = await aegis.pay(**order())
        await elapse(_TIME_TO_ACT_S + 5)
        payment = await aegis.get_payment(payment.id)
    assert payment.state is PaymentState.FAILURE
    assert payment.failure is not None
    assert payment.failure.reason is Reason.ACTION_EXPIRED


@virtual
async def test_while_the_gateway_cannot_say_nothing_is_decided_and_it_is_not_hammered():
    world = World()

    async def look(_request):
        return OutcomeUnknown(reason=Reason.GATEWAY_FAULT) if len(alpha.lookups) < 10 else NotFound()

    alpha = challenging(world, look=look)
    async with world.engine(alpha) as aegis:
        payment = await aegis.pay(**order())
        await elapse(_TIME_TO_ACT_S + 50)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.REQUIRES_ACTION
        assert 4 <= len(alpha.lookups) <= 6
        await elapse(60)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.FAILURE
