"""Situations of docs/scenarios.md that no other test shows as a whole: impatient callers, contradictions, retries."""

from __future__ import annotations

import random

import pytest

from aegispay import (
    CorruptStoreError,
    Declined,
    DeclineKind,
    MemoryStore,
    Notification,
    NotificationKind,
    PaymentParkedError,
    PaymentState,
    PaymentTimeoutError,
    Reason,
    Receipt,
)
from aegispay.domain.events import AttemptFailed, PaymentFailed
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual


@pytest.mark.parametrize("repetitions", [1, 10])
@virtual
async def test_a_client_that_timed_out_and_asks_again_gets_its_payment_and_no_second_charge(repetitions):
    world = World("alpha", "beta", latency_s=20.0)
    async with world.engine(answer_timeout_s=1) as aegis:
        for _ in range(repetitions):
            with pytest.raises(PaymentTimeoutError):
                await aegis.pay(**order())
        await elapse(20)
        payment = await aegis.pay(**order())
        assert (await aegis.list_payments()).payments == (payment,)
    assert payment.state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]
    assert world["alpha"].calls == 1


@pytest.mark.parametrize(
    ("token", "kind", "reason"),
    [
        ("tok_declined", DeclineKind.HARD, Reason.DO_NOT_HONOR),
        ("tok_insufficient_funds", DeclineKind.CUSTOMER_FIXABLE, Reason.INSUFFICIENT_FUNDS),
        ("tok_expired_card", DeclineKind.CUSTOMER_FIXABLE, Reason.EXPIRED_CARD),
        ("tok_fraud", DeclineKind.RISK, Reason.FRAUD_SUSPECTED),
    ],
)
@virtual
async def test_a_decline_says_in_its_events_who_could_mend_it_and_is_sent_nowhere_else(token, kind, reason):
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token=token))
        await elapse(3_600)
        events = [stored.event for stored in await aegis.payment_events(payment.id)]
    (failed,) = [event for event in events if isinstance(event, AttemptFailed)]
    assert isinstance(failed.outcome, Declined)
    assert (failed.outcome.kind, failed.outcome.reason) == (kind, reason)
    assert isinstance(events[-1], PaymentFailed)
    assert events[-1].reason is reason
    assert (world["alpha"].calls, world["beta"].calls) == (1, 0)


class Reporting(Adapter):
    """A gateway whose every webhook says that the charge was declined after all."""

    async def parse_webhook(self, headers, body):
        refused = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR)
        return [Notification(id="evt_1", kind=NotificationKind.CHARGE, reference=body.decode(), outcome=refused)]


@virtual
async def test_a_gateway_that_takes_its_success_back_changes_nothing_and_calls_for_a_person():
    world = World()
    world.gateways.clear()

    async def charge(request):
        return alpha.take(request)

    gone = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR)
    alpha = Reporting(charge, lookup=gone, name="alpha", ledger=world.ledger, clock=world.clock)
    async with world.engine(alpha) as aegis:
        paid = await aegis.pay(**order())
        receipt = await aegis.receive_webhook("alpha", {}, paid.attempts[0].operation_id.encode())
        await elapse(600)
        payment = await aegis.get_payment(paid.id)
        listed = (await aegis.list_payments(has_incident=True)).payments
        incidents = (await aegis.metrics()).incidents
    assert receipt is Receipt.STORED
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 10_000)
    assert [incident.reason for incident in payment.incidents] == [Reason.CONFLICTING_ANSWER]
    assert (listed, incidents) == ((payment,), 1)


@pytest.mark.parametrize("seed", range(5))
@virtual
async def test_a_payment_may_be_processed_again_at_any_time_in_any_state_and_is_charged_once(seed):
    draw = random.Random(seed)
    world = World(latency_s=2.0)
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
    for _ in range(6):
        async with world.engine(answer_timeout_s=draw.choice((0.5, 60.0)), shutdown_s=0.1) as aegis:
            await elapse(draw.choice((0.0, 1.0, 100.0)))
            for _ in range(draw.randint(1, 5)):
                try:
                    payment = await aegis.process_payment(payment.id)
                except PaymentTimeoutError:
                    await elapse(draw.uniform(0.0, 3.0))
    async with world.engine() as aegis:
        await elapse(600)
        payment = await aegis.process_payment(payment.id)
    assert payment.state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_gap_in_one_payments_events_stops_that_payment_and_no_other():
    world = World()
    async with world.engine() as aegis:
        broken = await aegis.pay(**order("broken"))
        sound = await aegis.pay(**order("sound"))
    assert isinstance(world.store, MemoryStore)
    del world.store._streams[broken.id][1]
    async with world.engine() as aegis:
        with pytest.raises(CorruptStoreError, match=broken.id):
            await aegis.get_payment(broken.id)
        with pytest.raises(PaymentParkedError, match="CorruptStoreError"):
            await aegis.process_payment(broken.id)
        assert [parking.payment_id for parking in (await aegis.health()).parked] == [broken.id]
        assert (await aegis.refund_payment(sound.id, idempotency_key="r")).state is PaymentState.REFUNDED
    assert world.moved(broken.id) == [("charge", 10_000)]
