"""Operations asked for twice, beside money that is not counted, of a changed gateway, or of a parked payment."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    Approved,
    CaptureSupport,
    GatewayContract,
    NotFound,
    OperationRefusedError,
    PaymentState,
    Reason,
    UnsupportedOperationError,
)
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.gateways.script import Fault
from tests.integration.engine.books import (
    MUTE,
    SAID,
    agreed,
    authorized,
    charged,
    deliver,
    doubtful,
    operations,
)
from tests.integration.engine.rig import Adapter, World, elapse, virtual

# --- a gateway that no longer does it -------------------------------------------------------------------


class Bare:
    """Charges and looks up, and has no other method."""

    name = "alpha"
    contract = GatewayContract(capture=CaptureSupport.NONE, void=False, refund=False)

    async def charge(self, request):
        raise AssertionError("nobody was charged")

    async def fetch_payment(self, request):
        return NotFound()

    async def health_check(self):
        raise AssertionError("nothing has failed")


@pytest.mark.parametrize("method", ["capture_payment", "cancel_payment"])
@virtual
async def test_what_the_gateway_no_longer_offers_is_refused_and_nothing_is_reserved_or_in_doubt(method):
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
    world.gateways.clear()
    async with world.engine(Bare()) as aegis:
        with pytest.raises(UnsupportedOperationError, match="alpha cannot"):
            await getattr(aegis, method)(before.id, idempotency_key="k1")
        assert await aegis.get_payment(before.id) == before


@virtual
async def test_a_refund_that_the_gateway_no_longer_offers_is_refused_and_nothing_is_reserved():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
    world.gateways.clear()
    async with world.engine(Bare()) as aegis:
        with pytest.raises(UnsupportedOperationError, match="alpha cannot refund"):
            await aegis.refund_payment(before.id, idempotency_key="r1")
        assert await aegis.get_payment(before.id) == before


# --- a cancel asked for again ---------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["x", None])
@virtual
async def test_a_cancel_of_the_rest_of_an_authorization_gets_its_answer_again(key):
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="c1", amount="30.00", is_final=False)
        first = await aegis.cancel_payment(before.id, idempotency_key=key)
        assert await aegis.cancel_payment(before.id, idempotency_key=key) == first
        payment = await agreed(world, aegis, before.id)
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 3_000)
    assert world.moved() == [("authorize", 10_000), ("capture", 3_000), ("void", 7_000)]


@virtual
async def test_a_remembered_cancel_asked_for_again_after_it_was_carried_out_changes_nothing():
    world = World()
    async with world.engine() as aegis:
        before = await doubtful(world, aegis, Fault.HANG_AFTER)
        assert (await aegis.cancel_payment(before.id, idempotency_key="x")).is_cancel_requested
        await elapse(600)
        done = await agreed(world, aegis, before.id)
        assert done.state is PaymentState.REFUNDED
        assert await aegis.cancel_payment(before.id, idempotency_key="x") == done
    assert world.moved() == [("charge", 10_000), ("refund", 10_000)]


# --- money that moved and is not counted ----------------------------------------------------------------


async def refused(aegis, payment_id, method="refund_payment"):
    with pytest.raises(OperationRefusedError, match="incident is open"):
        await getattr(aegis, method)(payment_id, idempotency_key="another")


def told(payment, kind, reference, **changes):
    outcome = Approved(**({"reference": "odd_9", "amount_minor": 10_000, "currency": "USD"} | changes))
    return Notification(id="evt_9", kind=kind, reference=reference, outcome=outcome)


@virtual
async def test_after_a_refund_that_went_through_against_the_verdict_nothing_more_is_refunded():
    world = World(contract=MUTE)
    world["alpha"].script("refund", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await charged(aegis)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1")
        payment = await aegis.resolve_payment(before.id, "not_executed", **SAID)
        assert operations(payment) == [("refund", "failed", 10_000)]
        await deliver(world, aegis, told(payment, NotificationKind.REFUND, payment.operations[0].id))
        payment = await aegis.get_payment(before.id)
        assert [i.reason for i in payment.incidents] == [Reason.LATE_APPROVAL]
        await refused(aegis, before.id)
    assert world.refunded_minor(before.id) == 10_000


@virtual
async def test_a_dispute_in_another_currency_keeps_refunds_back_until_a_person_has_looked():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        dispute = told(before, NotificationKind.CHARGEBACK, before.attempts[0].id, currency="EUR")
        await deliver(world, aegis, dispute)
        payment = await aegis.get_payment(before.id)
        assert (payment.charged_back_minor, [i.reason for i in payment.incidents]) == (0, [Reason.CHARGEBACK])
        await refused(aegis, before.id)
        await aegis.close_incident(before.id, payment.incidents[0].id, operator="mira", detail="of another shop")
        payment = await aegis.refund_payment(before.id, idempotency_key="r1")
    assert payment.state is PaymentState.REFUNDED


@virtual
async def test_after_a_dispute_over_everything_nothing_is_refunded_on_top():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        await deliver(world, aegis, told(before, NotificationKind.CHARGEBACK, before.attempts[0].id))
        with pytest.raises(OperationRefusedError, match=r"0\.00 USD is left"):
            await aegis.refund_payment(before.id, idempotency_key="r1")
        payment = await aegis.get_payment(before.id)
    assert (payment.charged_back_minor, world.refunded_minor(before.id)) == (10_000, 0)


@pytest.mark.parametrize(("begin", "kind"), [(charged, "refund"), (authorized, "capture")])
@virtual
async def test_beside_an_operation_of_the_portal_none_is_made_until_a_person_has_looked(begin, kind):
    world = World()
    async with world.engine() as aegis:
        before = await begin(aegis)
        await deliver(world, aegis, told(before, NotificationKind(kind), before.attempts[0].id))
        await refused(aegis, before.id, f"{kind}_payment")
        assert (await aegis.get_payment(before.id)).operations == ()


# --- a parked payment -----------------------------------------------------------------------------------


@virtual
async def test_every_answer_that_comes_while_the_payment_is_parked_is_taken_in_when_it_goes_on():
    world = World()

    async def charge(request):
        return odd.take(request)

    async def slow(request):
        await elapse(5)
        return odd.take(request)

    odd = Adapter(charge, refund=slow, ledger=world.ledger, clock=world.clock, contract=MUTE)
    world.gateways.clear()
    async with world.engine(odd) as aegis:
        before = await charged(aegis)
        asking = (aegis.refund_payment(before.id, idempotency_key=f"r{n}", amount="10.00") for n in range(3))
        asked = [asyncio.create_task(each) for each in asking]
        await elapse(1)
        await aegis._assembly.parking.park(before.id, cause="a bug")
        await elapse(10)
        await asyncio.gather(*asked, return_exceptions=True)
        await aegis.unpark_payment(before.id, operator="mira")
        await elapse(60)
        payment = await agreed(world, aegis, before.id)
    assert operations(payment) == [("refund", "succeeded", 1_000)] * 3
