"""What gateways report by themselves is taken in once, in any order, and only about what is theirs."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from aegispay import GatewayContract, PaymentState, Reason, UnknownGatewayError
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import Approved, Declined, DeclineKind, Pending
from aegispay.gateways.script import Fault
from aegispay.ports import Receipt
from tests.integration.engine.books import MUTE, agreed, authorized, charged, deliver, operations, types_after
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

NO = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="no")


def about(payment, kind=NotificationKind.CHARGE, *, name="evt", reference=None, outcome=None, amount_minor=10_000):
    """Make up a notification."""
    taken = Approved(reference=f"ref-{name}", amount_minor=amount_minor, currency="USD")
    return Notification(
        id=name,
        kind=kind,
        reference=payment.attempts[0].id if reference is None else reference,
        outcome=taken if outcome is None else outcome,
    )


async def told(world, aegis, payment_id):
    """Deliver everything that alpha has to report of a payment, once."""
    return [await deliver(world, aegis, said) for said in world["alpha"].notifications(payment_id)]


# --- in time, twice, late -------------------------------------------------------------------------------


@virtual
async def test_a_webhook_that_comes_before_the_answer_settles_the_payment_and_the_answer_changes_nothing():
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.HANG_AFTER)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(1)
        (said,) = world["alpha"].notifications()
        assert await deliver(world, aegis, said) is Receipt.STORED
        payment = await paying
        assert (payment.state, world.clock.monotonic()) == (PaymentState.SUCCESS, 1.0)
        await elapse(60)
        assert await agreed(world, aegis, payment.id) == payment


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@virtual
async def test_a_webhook_that_comes_before_an_operations_answer_is_its_answer(kind):
    world = World(contract=MUTE)
    world["alpha"].script(kind, Fault.HANG_AFTER)
    async with world.engine() as aegis:
        before = await (charged(aegis) if kind == "refund" else authorized(aegis))
        calls = {
            "capture": lambda: aegis.capture_payment(before.id, idempotency_key="k"),
            "void": lambda: aegis.cancel_payment(before.id),
            "refund": lambda: aegis.refund_payment(before.id, idempotency_key="k"),
        }
        asked = asyncio.create_task(calls[kind]())
        await elapse(1)
        assert await deliver(world, aegis, world["alpha"].notifications()[-1]) is Receipt.STORED
        payment = await asked
        assert (operations(payment), world.clock.monotonic()) == ([(kind, "succeeded", 10_000)], 1.0)
        event = (await aegis.payment_events(before.id))[-2].event
        assert event.evidence == "webhook"
        await elapse(60)
        assert await agreed(world, aegis, before.id) == payment


@virtual
async def test_a_webhook_delivered_again_changes_nothing():
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await aegis.pay(**order())
        (said,) = world["alpha"].notifications()
        receipts = [await deliver(world, aegis, said) for _ in range(3)]
        assert receipts == [Receipt.STORED, Receipt.DUPLICATE, Receipt.DUPLICATE]
        assert await types_after(aegis, before) == ["payment.outcome_resolved", "payment.succeeded"]
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("loop_seed", range(10))
@virtual
async def test_one_webhook_delivered_many_times_at_once_is_taken_in_once(loop_seed):
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await aegis.pay(**order())
        (said,) = world["alpha"].notifications()
        receipts = await asyncio.gather(*(deliver(world, aegis, said) for _ in range(10)))
        assert sorted(receipts) == [Receipt.DUPLICATE] * 9 + [Receipt.STORED], f"seed {loop_seed}"
        assert await types_after(aegis, before) == ["payment.outcome_resolved", "payment.succeeded"]


@virtual
async def test_the_report_of_what_is_known_already_changes_nothing():
    world = World()
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.capture_payment(before.id, idempotency_key="c1")
        payment = await aegis.refund_payment(before.id, idempotency_key="r1", amount="10.00")
        assert await told(world, aegis, before.id) == [Receipt.STORED] * 3
        assert await agreed(world, aegis, before.id) == payment


@pytest.mark.parametrize("order_of", list(itertools.permutations(range(3))))
@virtual
async def test_captures_reported_in_any_order_come_to_one_state(order_of):
    world = World(contract=MUTE)
    world["alpha"].script("capture", Fault.ERROR_AFTER, times=None)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        for key, amount in (("c1", "20.00"), ("c2", "30.00"), ("c3", "50.00")):
            await aegis.capture_payment(before.id, idempotency_key=key, amount=amount, is_final=key == "c3")
        said = [each for each in world["alpha"].notifications() if each.kind is NotificationKind.CAPTURE]
        for number in order_of:
            await deliver(world, aegis, said[number])
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.captured_minor, payment.incidents) == (PaymentState.SUCCESS, 10_000, ())


@pytest.mark.parametrize("order_of", list(itertools.permutations(range(4))))
@virtual
async def test_refunds_and_a_chargeback_reported_in_any_order_come_to_one_state(order_of):
    world = World(contract=MUTE)
    world["alpha"].script("refund", Fault.ERROR_AFTER, times=None)
    async with world.engine() as aegis:
        before = await charged(aegis)
        for key, amount in (("r1", "10.00"), ("r2", "20.00"), ("r3", "30.00")):
            await aegis.refund_payment(before.id, idempotency_key=key, amount=amount)
        said = [each for each in world["alpha"].notifications() if each.kind is NotificationKind.REFUND]
        said.append(about(before, NotificationKind.CHARGEBACK, name="dispute", amount_minor=4_000))
        for number in order_of:
            await deliver(world, aegis, said[number])
        payment = await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.PARTIALLY_REFUNDED
        assert (payment.refunded_minor, payment.charged_back_minor) == (6_000, 4_000)
        assert (payment.refundable_minor, payment.incidents) == (0, ())


@pytest.mark.parametrize("is_bad_news_first", [True, False])
@virtual
async def test_bad_and_good_news_in_any_order_come_to_what_the_gateway_says_when_asked(is_bad_news_first):
    world = World(contract=GatewayContract(idempotency_window_s=None))
    world["alpha"].script("charge", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await aegis.pay(**order())
        (good,) = world["alpha"].notifications()
        bad = about(before, name="evt-bad", outcome=NO)
        for said in (bad, good) if is_bad_news_first else (good, bad):
            assert await deliver(world, aegis, said) is Receipt.STORED
        await elapse(5)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.incidents) == (PaymentState.SUCCESS, ())


@pytest.mark.parametrize("outcome", [NO, Pending(reference="p")])
@virtual
async def test_bad_or_vague_news_about_a_success_only_lead_to_a_look_up(outcome):
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        calls = world["alpha"].calls
        await deliver(world, aegis, about(before, outcome=outcome))
        await elapse(1)
        assert world["alpha"].calls == calls + 1
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_decline_that_is_known_already_costs_no_look_up():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token="tok_declined"))
        calls = world["alpha"].calls
        await told(world, aegis, before.id)
        await elapse(1)
        assert world["alpha"].calls == calls
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_late_approval_of_a_failed_payment_opens_an_incident_and_moves_nothing():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token="tok_declined"))
        for _ in range(2):
            await deliver(world, aegis, about(before))
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.captured_minor) == (PaymentState.FAILURE, 0)
        assert [(i.reason, i.is_open) for i in payment.incidents] == [(Reason.LATE_APPROVAL, True)]
        assert (await aegis.metrics()).incidents == 1


# --- whose it is ----------------------------------------------------------------------------------------


@virtual
async def test_a_webhook_for_a_payment_that_does_not_exist_is_kept_and_given_up_after_days():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        stranger = "pay_" + "0" * 25
        said = about(before, reference=f"{stranger}-a1")
        assert await deliver(world, aegis, said) is Receipt.STORED
        assert (await aegis.list_payments()).payments == (before,)
        assert await types_after(aegis, before) == []
    await elapse(4 * 86_400)
    (waiting,) = await world.store.inbox_due(world.clock.now())
    assert waiting.tries == 1
    async with world.engine() as aegis:
        await elapse(5)
        assert await aegis.get_payment(before.id) == before
    await elapse(30 * 86_400)
    assert await world.store.inbox_due(world.clock.now()) == ()


@pytest.mark.parametrize("kind", NotificationKind)
@virtual
async def test_a_gateway_that_has_nothing_to_do_with_a_payment_cannot_report_about_it(kind):
    world = World("alpha", "beta", contract=MUTE)
    world["alpha"].script("refund", Fault.ERROR_BEFORE)
    async with world.engine() as aegis:
        before = await charged(aegis, gateway="alpha")
        before = await aegis.refund_payment(before.id, idempotency_key="r1", amount="10.00")
        reference = before.operations[0].id if kind is NotificationKind.REFUND else before.attempts[0].id
        said = about(before, kind, reference=reference, amount_minor=1_000)
        assert await deliver(world, aegis, said, "beta") is Receipt.STORED
        assert await agreed(world, aegis, before.id) == before


async def failed_over(world, aegis):
    """Return a payment that alpha did not take and beta did, with a refund in doubt."""
    world["alpha"].script("charge", Fault.REFUSE_CONNECTION)
    world["beta"].script("refund", Fault.ERROR_BEFORE)
    payment = await charged(aegis)
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha", "beta"]
    return await aegis.refund_payment(payment.id, idempotency_key="r1", amount="10.00")


@virtual
async def test_a_gateway_that_was_tried_in_vain_cannot_report_about_the_attempt_at_another():
    world = World("alpha", "beta", contract=MUTE)
    async with world.engine() as aegis:
        before = await failed_over(world, aegis)
        said = about(before, reference=before.attempts[1].id, outcome=NO)
        assert await deliver(world, aegis, said, "alpha") is Receipt.STORED
        assert await aegis.get_payment(before.id) == before


@virtual
async def test_a_gateway_that_was_tried_in_vain_cannot_settle_a_refund_at_another():
    world = World("alpha", "beta", contract=MUTE)
    async with world.engine() as aegis:
        before = await failed_over(world, aegis)
        said = about(before, NotificationKind.REFUND, reference=before.operations[0].id, amount_minor=1_000)
        assert await deliver(world, aegis, said, "alpha") is Receipt.STORED
        assert await agreed(world, aegis, before.id) == before
        assert operations(before) == [("refund", "unknown", 1_000)]


@virtual
async def test_a_chargeback_at_a_gateway_that_took_nothing_is_an_incident_and_no_money():
    world = World("alpha", "beta", contract=MUTE)
    async with world.engine() as aegis:
        before = await failed_over(world, aegis)
        for reference in (before.attempts[1].id, before.attempts[0].id):
            said = about(before, NotificationKind.CHARGEBACK, name=reference, reference=reference, amount_minor=1_000)
            await deliver(world, aegis, said, "alpha")
        payment = await agreed(world, aegis, before.id)
        assert (payment.charged_back_minor, [i.reason for i in payment.incidents]) == (0, [Reason.CHARGEBACK])


@virtual
async def test_an_operation_that_was_not_asked_for_here_opens_an_incident():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        said = about(before, NotificationKind.REFUND, reference=f"{before.id}-refund-portal", amount_minor=1_000)
        await deliver(world, aegis, said)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.refunded_minor) == (PaymentState.SUCCESS, 0)
        assert [incident.reason for incident in payment.incidents] == [Reason.UNKNOWN_OPERATION]


@virtual
async def test_a_gateway_that_is_not_registered_or_sends_no_webhooks_cannot_report():
    world = World()
    async with world.engine(Adapter()) as aegis:
        for name in ("beta", "odd"):
            with pytest.raises(UnknownGatewayError, match=name):
                await aegis.receive_webhook(name, {}, b"{}")


# --- chargebacks, contradictions, parking ---------------------------------------------------------------


@virtual
async def test_a_chargeback_takes_its_amount_from_what_can_be_refunded():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        said = about(before, NotificationKind.CHARGEBACK, amount_minor=3_000)
        for _ in range(2):
            await deliver(world, aegis, said)
        payment = await agreed(world, aegis, before.id)
        assert (payment.charged_back_minor, payment.refundable_minor) == (3_000, 7_000)
        assert (payment.chargebacks, payment.incidents) == (("ref-evt",), ())
        assert await types_after(aegis, before) == ["payment.charged_back"]


@virtual
async def test_a_chargeback_after_a_refund_opens_an_incident_when_more_goes_back_than_came_in():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        refunded = await aegis.refund_payment(before.id, idempotency_key="r1", amount="80.00")
        await deliver(world, aegis, about(before, NotificationKind.CHARGEBACK, amount_minor=3_000))
        payment = await agreed(world, aegis, before.id)
        assert [incident.reason for incident in payment.incidents] == [Reason.CHARGEBACK]
        assert (payment.state, payment.refundable_minor) == (refunded.state, 0)


@virtual
async def test_a_chargeback_of_what_is_not_known_to_be_charged_waits_until_it_is():
    world = World()
    world["alpha"].script("charge", Fault.PENDING)
    async with world.engine() as aegis:
        before = await aegis.pay(**order())
        await deliver(world, aegis, about(before, NotificationKind.CHARGEBACK))
        assert (await aegis.get_payment(before.id)).incidents == ()
        world["alpha"].decide(before.attempts[0].id, approve=True)
        await elapse(400)
        payment = await aegis.get_payment(before.id)
        assert (payment.state, payment.charged_back_minor, payment.incidents) == (PaymentState.SUCCESS, 10_000, ())


@virtual
async def test_a_chargeback_of_what_was_not_captured_is_an_incident():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token="tok_declined"))
        await deliver(world, aegis, about(before, NotificationKind.CHARGEBACK))
        payment = await agreed(world, aegis, before.id)
        assert (payment.charged_back_minor, payment.state) == (0, before.state)
        assert [incident.reason for incident in payment.incidents] == [Reason.CHARGEBACK]


@virtual
async def test_other_content_under_the_same_id_opens_an_incident_and_changes_nothing_else():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        (said,) = world["alpha"].notifications()
        await deliver(world, aegis, said)
        forged = about(before, name=said.id, amount_minor=1)
        assert await deliver(world, aegis, forged) is Receipt.CONFLICT
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.captured_minor) == (before.state, before.captured_minor)
        assert [incident.reason for incident in payment.incidents] == [Reason.CONFLICTING_ANSWER]
        assert await deliver(world, aegis, forged) is Receipt.CONFLICT
        assert await aegis.get_payment(before.id) == payment


@virtual
async def test_a_parked_payment_is_told_when_it_goes_on():
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await aegis.pay(**order())
        await aegis._assembly.parking.park(before.id, cause="poison")
        assert await told(world, aegis, before.id) == [Receipt.STORED]
        parked = await aegis.get_payment(before.id)
        assert (parked.is_parked, parked.in_doubt) == (True, True)
        await aegis.unpark_payment(before.id, operator="mira")
        await elapse(60)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.is_parked) == (PaymentState.SUCCESS, False)
