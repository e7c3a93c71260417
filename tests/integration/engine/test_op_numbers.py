"""Incidents and the engine's numbers about what is in doubt."""

from __future__ import annotations

import pytest

from aegispay import (
    GatewayContract,
    IllegalTransitionError,
    LookupAuthority,
    PaymentState,
)
from aegispay.domain.notification import NotificationKind
from aegispay.gateways.script import Fault
from tests.integration.engine.books import DONE, MUTE, SAID, agreed, charged, deliver, doubtful
from tests.integration.engine.rig import World, elapse, virtual


@virtual
async def test_an_incident_is_closed_once_by_its_id():
    world = World()
    async with world.engine() as aegis:
        before = await doubtful(world, aegis, Fault.WRONG_AMOUNT)
        (incident,) = before.incidents
        for wrong in ("nothing", incident.id + "x"):
            with pytest.raises(IllegalTransitionError, match="no such open incident"):
                await aegis.close_incident(before.id, wrong, operator="mira", detail="seen")
        assert (await aegis.metrics()).incidents == 1
        closed = await aegis.close_incident(before.id, incident.id, operator="mira", detail="seen")
        assert (await aegis.metrics()).incidents == 0
        with pytest.raises(IllegalTransitionError):
            await aegis.close_incident(before.id, incident.id, operator="mira", detail="seen")
        assert await aegis.get_payment(before.id) == closed
        event = (await aegis.payment_events(before.id))[-1].event
        assert (event.operator, event.detail) == ("mira", "seen")


@virtual
async def test_the_numbers_say_how_many_doubts_there_are_how_old_and_how_they_ended():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        assert (await aegis.metrics()).doubts.oldest_age_s is None
        first = await doubtful(world, aegis)
        await elapse(100)
        paid = await charged(aegis, "order-2")
        world["alpha"].script("refund", Fault.ERROR_AFTER)
        await aegis.refund_payment(paid.id, idempotency_key="r1", amount="1.00")
        await elapse(50)
        doubts = (await aegis.metrics()).doubts
        assert (doubts.payments, doubts.oldest_age_s, doubts.resolved) == (2, 150.0, 0)
        listed = (await aegis.list_payments(in_doubt=True)).payments
        assert [payment.id for payment in listed] == [paid.id, first.id]
        await aegis.resolve_payment(first.id, "executed", **DONE)
        refund = next(each for each in world["alpha"].notifications(paid.id) if each.kind is NotificationKind.REFUND)
        await deliver(world, aegis, refund)
        doubts = (await aegis.metrics()).doubts
        assert (doubts.payments, doubts.oldest_age_s, doubts.resolved) == (0, None, 2)
        assert doubts.resolved_by == {"operator": 1, "webhook": 1}
        assert (doubts.resolution_p50_s, doubts.resolution_max_s) == (150.0, 150.0)
        assert (await aegis.list_payments(in_doubt=True)).payments == ()
        await agreed(world, aegis, first.id)
        await agreed(world, aegis, paid.id)


@pytest.mark.parametrize(("lookup", "how"), [(LookupAuthority.AUTHORITATIVE, "lookup"), ("none", "resend")])
@virtual
async def test_the_numbers_name_the_way_in_which_the_gateway_was_asked(lookup, how):
    world = World(contract=GatewayContract(lookup=LookupAuthority(lookup)))
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        await elapse(30)
        doubts = (await aegis.metrics()).doubts
        assert doubts.resolved_by == {how: 1}
        assert (await agreed(world, aegis, before.id)).state is PaymentState.SUCCESS


@virtual
async def test_a_doubt_counts_in_the_numbers_of_the_next_engine_from_its_real_beginning():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        await doubtful(world, aegis)
    await elapse(1_000)
    async with world.engine() as aegis:
        doubts = (await aegis.metrics()).doubts
        assert (doubts.payments, doubts.oldest_age_s) == (1, 1_000.0)


@virtual
async def test_an_operator_who_says_executed_is_confirmed_by_the_webhook_without_an_incident():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await doubtful(world, aegis)
        (said,) = world["alpha"].notifications()
        payment = await aegis.resolve_payment(before.id, "executed", **SAID, gateway_reference=said.outcome.reference)
        await deliver(world, aegis, said)
        assert await agreed(world, aegis, before.id) == payment
