"""What gateways report at awkward moments, or about what nobody here asked for, is never lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from aegispay import Approved, Declined, DeclineKind, PaymentState, Reason, ValidationError
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.ports import Receipt
from tests.integration.engine.books import MUTE, SAID, agreed, charged, deliver, doubtful, operations
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

NO = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="do_not_honor")


class Notifying(Adapter):
    """Reports what the test says."""

    async def parse_webhook(self, headers, body):
        return self.said

    async def say(self, aegis, kind, reference, outcome):
        self.said = (Notification(id="evt_1", kind=kind, reference=reference, outcome=outcome),)
        return await aegis.receive_webhook(self.name, {}, b"{}")


def engine_of(world, *gateways, **config):
    world.gateways.clear()
    return world.engine(*gateways, **config)


# --- while a call is under way --------------------------------------------------------------------------


@virtual
async def test_a_decline_reported_while_the_answer_is_awaited_counts_when_that_answer_is_lost():
    world = World()

    async def lost(request):
        await asyncio.Event().wait()

    odd = Notifying(lost, contract=MUTE)
    async with engine_of(world, odd) as aegis:
        created = await aegis.create_payment(**order())
        asked = asyncio.create_task(aegis.process_payment(created.id))
        await elapse(1)
        assert await odd.say(aegis, NotificationKind.CHARGE, f"{created.id}-a1", NO) is Receipt.STORED
        assert (await asked).in_doubt
        await elapse(60)
        payment = await aegis.get_payment(created.id)
    assert (payment.state, payment.failure.reason) == (PaymentState.FAILURE, Reason.DO_NOT_HONOR)


@virtual
async def test_a_refund_that_failed_while_its_success_was_on_the_wire_opens_an_incident():
    world = World()
    has_failed = asyncio.Event()

    async def slow(request):
        await elapse(10)
        return approval(request, reference="re_1")

    async def look(request):
        return NO if has_failed.is_set() else approval(request, reference="re_1")

    async def charge(request):
        return approval(request)

    odd = Notifying(charge, refund=slow, operation_lookup=look)
    async with engine_of(world, odd) as aegis:
        before = await charged(aegis)
        asked = asyncio.create_task(aegis.refund_payment(before.id, idempotency_key="r1"))
        await elapse(5)
        has_failed.set()
        reference = (await aegis.get_payment(before.id)).operations[0].id
        await odd.say(aegis, NotificationKind.REFUND, reference, NO)
        assert operations(await asked) == [("refund", "succeeded", 10_000)]
        await elapse(60)
        payment = await aegis.get_payment(before.id)
    assert [(i.reason, i.is_open) for i in payment.incidents] == [(Reason.CONFLICTING_ANSWER, True)]


# --- what was not asked for here ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NotificationKind.REFUND, NotificationKind.CAPTURE, NotificationKind.VOID])
@virtual
async def test_what_was_done_in_the_providers_portal_is_reported_under_the_charge_and_opens_an_incident_each(kind):
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        done = Approved(reference="po_1", amount_minor=1_000, currency="USD")
        first = Notification(id="evt_1", kind=kind, reference=before.attempts[0].id, outcome=done)
        second = replace(first, id="evt_2", outcome=replace(done, reference="po_2"))
        for said in (first, second, replace(second, id="evt_3")):
            assert await deliver(world, aegis, said) is Receipt.STORED
        payment = await agreed(world, aegis, before.id)
    assert [i.reason for i in payment.incidents] == [Reason.UNKNOWN_OPERATION] * 2
    assert ["po_1" in payment.incidents[0].detail, "po_2" in payment.incidents[1].detail] == [True, True]
    assert (payment.state, payment.refunded_minor) == (PaymentState.SUCCESS, 0)


# --- afterwards -----------------------------------------------------------------------------------------


@virtual
async def test_a_payment_whose_money_moved_after_it_failed_is_not_repeated():
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        payment = await doubtful(world, aegis)
        await aegis.resolve_payment(payment.id, "not_executed", **SAID)
        await deliver(world, aegis, world["alpha"].notifications()[0])
        payment = await aegis.get_payment(payment.id)
        assert payment.state is PaymentState.FAILURE
        assert [i.reason for i in payment.incidents] == [Reason.LATE_APPROVAL]
        with pytest.raises(ValidationError, match="a gateway reports that money moved"):
            await aegis.pay(**order("order-2", retry_of=payment.id))
    assert world.charges() == [("alpha", 10_000)]
