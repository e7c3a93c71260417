"""Hooks that are asked when something went wrong: what they want is done only where it cannot cost money twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from aegispay import Declined, DeclineKind, NotProcessed, OutcomeUnknown, Reason
from aegispay.domain.contract import CaptureSupport
from aegispay.domain.hook_kind import VerdictKind
from aegispay.domain.state import OperationKind
from aegispay.hooks import Cancel, Ignore, ManualReview, Prefer, Refund, RetryAfter
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

LOST = OutcomeUnknown(reason=Reason.TIMEOUT, message="no answer")
UNSENT = NotProcessed(reason=Reason.NOT_SENT)
STOLEN = Declined(kind=DeclineKind.HARD, reason=Reason.STOLEN_CARD)


def handling(world, gateway, *verdicts):
    engine, asked = world.engine(gateway), []
    answers = list(verdicts)

    @engine.hooks.error_handler(is_quick=True)
    def handler(context):
        asked.append(context)
        return answers.pop(0) if answers else Ignore()

    return engine, asked


def odd(world, charge=LOST, **given):
    return Adapter(charge, clock=world.clock, **given)


async def only_odd(aegis, **changes):
    return await aegis.pay(**order(gateway="odd", **changes))


@virtual
async def test_a_handler_is_asked_when_nobody_knows_the_outcome_and_told_what_is_known():
    world = World()
    engine, asked = handling(world, odd(world, lookup=LOST))
    async with engine as aegis:
        payment = await only_odd(aegis)
        (context,) = asked
        assert (payment.in_doubt, payment.judgements) == (True, ())
        assert (context.is_unknown, context.failure.reason, context.operation) == (True, Reason.TIMEOUT, None)
        assert context.payment.version == payment.version
        await elapse(3_600)
        assert len(asked) == 1


@pytest.mark.parametrize("verdict", [RetryAfter(1), Refund(), RetryAfter(0)], ids=repr)
@virtual
async def test_what_may_have_moved_money_is_neither_tried_again_nor_returned(verdict, caplog):
    world = World()
    gateway = odd(world, lookup=LOST)
    engine, _ = handling(world, gateway, verdict)
    async with engine as aegis:
        payment = await only_odd(aegis)
        await elapse(60)
        after = await aegis.get_payment(payment.id)
    assert (after.state, after.in_doubt, after.judgements, len(after.attempts)) == ("processing", True, (), 1)
    assert {request.reference for request in gateway.requests} == {f"{payment.id}-a1"}
    assert gateway.operations == []
    assert "hook_verdict_not_executed" in caplog.text
    assert "handler" in caplog.text


@virtual
async def test_a_handler_may_cancel_a_payment_in_doubt_and_what_proves_approved_is_given_back():
    world = World()
    gateway = odd(world, contract=world["alpha"].contract)
    gateway._charge = lambda request: lost_after(gateway, request)
    gateway._lookup = approved_as_referenced
    engine, _ = handling(world, gateway, Cancel("the payer gave up"))
    async with engine as aegis:
        payment = await only_odd(aegis)
        assert payment.is_cancel_requested
        assert [(each.verdict, each.reason) for each in payment.judgements] == [
            (VerdictKind.CANCEL, "the payer gave up")
        ]
        await elapse(3_600)
        after = await aegis.get_payment(payment.id)
    assert after.state == "refunded"
    assert [operation.kind for operation in gateway.operations] == [OperationKind.REFUND]


async def approved_as_referenced(request):
    return approval(request, reference=f"odd-{request.reference}")


async def lost_after(gateway, request):
    gateway.take(request)
    return LOST


@virtual
async def test_a_handler_may_call_for_a_person():
    world = World()
    engine, _ = handling(world, odd(world), ManualReview("large order"))
    async with engine as aegis:
        payment = await only_odd(aegis)
        (incident,) = payment.incidents
        assert (incident.reason, incident.detail) == (Reason.REVIEW_WANTED, "hook handler: large order")
        assert incident.is_open
        assert [each.id for each in (await aegis.list_payments(has_incident=True)).payments] == [payment.id]
        assert [each.verdict for each in payment.judgements] == [VerdictKind.MANUAL_REVIEW]


@virtual
async def test_a_handler_is_asked_when_a_failure_would_end_the_payment_and_may_leave_it_at_that():
    world = World()
    engine, asked = handling(world, odd(world, STOLEN), ManualReview("stolen"))
    async with engine as aegis:
        payment = await only_odd(aegis)
    assert (payment.state, payment.failure.reason) == ("failure", Reason.STOLEN_CARD)
    assert [(context.is_unknown, context.failure.reason) for context in asked] == [(False, Reason.STOLEN_CARD)]
    assert [incident.reason for incident in payment.incidents] == [Reason.REVIEW_WANTED]


@pytest.mark.parametrize("verdict", [Cancel(), Refund(), RetryAfter(5)], ids=repr)
@virtual
async def test_a_payment_that_a_hard_decline_ends_stays_ended_whatever_a_handler_wants(verdict):
    world = World()
    gateway = odd(world, STOLEN)
    engine, _ = handling(world, gateway, verdict)
    async with engine as aegis:
        payment = await only_odd(aegis)
        await elapse(3_600)
        assert await aegis.get_payment(payment.id) == payment
    assert (payment.state, payment.judgements, len(gateway.requests)) == ("failure", (), 1)


@virtual
async def test_nobody_is_asked_while_another_gateway_is_tried():
    world = World("alpha")
    engine, asked = handling(world, odd(world, UNSENT))
    engine.hooks.routing_strategy(name="odd-first", is_quick=True)(lambda context: Prefer(("odd",)))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, [attempt.gateway for attempt in payment.attempts]) == ("success", ["odd", "alpha"])
    assert asked == []


@virtual
async def test_what_surely_moved_no_money_is_tried_again_when_a_handler_wants_it():
    world = World()
    answers = [UNSENT, UNSENT]

    async def charge(request):
        return answers.pop(0) if answers else approval(request)

    gateway = odd(world, charge)
    engine, asked = handling(world, gateway, RetryAfter(600, "after the maintenance"), RetryAfter(600))
    async with engine as aegis:
        payment = await only_odd(aegis)
        assert (payment.state, len(gateway.requests)) == ("processing", 1)
        assert [(each.verdict, each.reason) for each in payment.judgements] == [
            (VerdictKind.RETRY_AFTER, "after the maintenance")
        ]
        await elapse(590)
        assert len(gateway.requests) == 1
        await elapse(1_200)
        after = await aegis.get_payment(payment.id)
    assert (after.state, len(gateway.requests)) == ("success", 3)
    assert [context.failure.reason for context in asked] == [Reason.NOT_SENT, Reason.NOT_SENT]


@virtual
async def test_a_handler_cannot_have_more_attempts_made_than_the_policy_allows():
    world = World()
    gateway = odd(world, UNSENT)
    engine, asked = handling(world, gateway, *[RetryAfter(600)] * 10)
    async with engine as aegis:
        payment = await only_odd(aegis)
        await elapse(9_000)
        after = await aegis.get_payment(payment.id)
    assert (after.state, len(after.attempts), len(gateway.requests)) == ("failure", 3, 3)
    assert len(asked) == 3


@virtual
async def test_a_refund_that_failed_is_tried_once_more_if_a_handler_wants_it_and_not_for_ever():
    world = World()
    gateway = odd(world, approved, refund=STOLEN)
    engine, asked = handling(world, gateway, Refund("again"), Refund("and again"), Refund("and again"))
    async with engine as aegis:
        payment = await only_odd(aegis)
        await aegis.refund_payment(payment.id, idempotency_key="r")
        await elapse(60)
        after = await aegis.get_payment(payment.id)
    assert [context.operation.kind for context in asked] == [OperationKind.REFUND, OperationKind.REFUND]
    assert len(gateway.operations) == 2
    assert [operation.key for operation in after.operations] == ["r", "hook:handler"]
    assert [each.verdict for each in after.judgements] == [VerdictKind.REFUND]
    assert (after.refunded_minor, after.refundable_minor) == (0, 10_000)


async def approved(request):
    return approval(request)


def refunding(*answers):
    """Return what answers refunds one after the other, and approves them when there is nothing left to say."""
    left = list(answers)

    async def refund(request):
        answer = left.pop(0) if left else None
        return approval(request, reference=f"odd-{request.reference}") if answer is None else answer

    return refund


def asked_for(gateway):
    return [(operation.kind.value, operation.money.amount_minor) for operation in gateway.operations]


@pytest.mark.parametrize(("amount", "minor"), [("10.00", 1_000), (None, 9_500)])
@virtual
async def test_a_handler_has_as_much_returned_as_the_failed_refund_asked_for(amount, minor):
    world = World()
    gateway = odd(world, approved, refund=refunding(None, STOLEN))
    engine, _ = handling(world, gateway, Refund("once more"))
    async with engine as aegis:
        payment = await only_odd(aegis)
        for key, part in (("first", "5.00"), ("second", amount)):
            await aegis.refund_payment(payment.id, idempotency_key=key, amount=part)
            await elapse(5)
        after = await aegis.get_payment(payment.id)
    assert asked_for(gateway) == [("refund", 500), ("refund", minor), ("refund", minor)]
    assert (after.refunded_minor, after.refundable_minor) == (500 + minor, 9_500 - minor)
    assert [each.verdict for each in after.judgements] == [VerdictKind.REFUND]


@virtual
async def test_when_a_capture_failed_a_handler_cannot_have_what_others_captured_returned(caplog):
    world = World()
    first, later = asyncio.Event(), []

    async def capture(request):
        if later:
            return approval(request, reference=f"odd-{request.reference}")
        later.append(request)
        await first.wait()
        return STOLEN

    contract = replace(world["alpha"].contract, capture=CaptureSupport.MULTIPLE)
    gateway = odd(world, approved, capture=capture, contract=contract)
    engine, asked = handling(world, gateway, Refund("give back"))
    async with engine as aegis:
        payment = await only_odd(aegis, capture="manual")
        part = aegis.capture_payment(payment.id, idempotency_key="a", amount="30.00", is_final=False)
        waiting = asyncio.ensure_future(part)
        await elapse(1)
        await aegis.capture_payment(payment.id, idempotency_key="b", amount="60.00")
        first.set()
        await waiting
        await elapse(5)
        after = await aegis.get_payment(payment.id)
    assert [context.operation.kind for context in asked] == [OperationKind.CAPTURE]
    assert asked_for(gateway) == [("capture", 3_000), ("capture", 6_000)]
    assert (after.state, after.captured_minor, after.refunded_minor) == ("success", 6_000, 0)
    assert after.judgements == ()
    assert "hook_verdict_not_executed" in caplog.text


@virtual
async def test_a_handler_that_hangs_delays_the_outcome_by_its_deadline_and_no_longer():
    world = World()
    engine = world.engine(odd(world, STOLEN))

    @engine.hooks.error_handler(deadline_s=3)
    async def hangs(context):
        await elapse(1_000)

    async with engine as aegis:
        began = world.clock.monotonic()
        assert (await only_odd(aegis)).state == "failure"
        assert 3.0 <= world.clock.monotonic() - began < 4.0


@virtual
async def test_a_handler_may_call_the_engine_about_other_payments_and_waits_for_its_own_until_its_deadline():
    world = World()
    engine, seen = world.engine(odd(world, STOLEN)), []

    @engine.hooks.error_handler(deadline_s=3)
    async def reenters(context):
        seen.append((await aegis.pay(**order("other", gateway="alpha"))).state.value)
        await aegis.cancel_payment(context.payment.id)
        seen.append("never")

    async with engine as aegis:
        assert (await only_odd(aegis)).state == "failure"
    assert seen == ["success"]
