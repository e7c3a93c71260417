"""The payer's return: he is charged once, whoever hears of it first, and nothing he brought along is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from aegispay import (
    CaptureSupport,
    GatewayContract,
    LookupAuthority,
    OutcomeUnknown,
    PaymentNotFoundError,
    PaymentState,
    Reason,
    UnknownGatewayError,
    UnsupportedOperationError,
)
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import ActionKind, Declined, DeclineKind, NextAction, RequiresAction
from aegispay.gateways.script import Fault
from tests.integration.engine.books import agreed, authorized, charged, deliver, settled, types_after
from tests.integration.engine.rig import ActionAdapter, World, elapse, order, virtual

DECLINED = Declined(kind=DeclineKind.AUTHENTICATION, reason=Reason.AUTHENTICATION_FAILED)
_15_MIN = timedelta(minutes=15)


async def challenged(aegis, **changes):
    payment = await aegis.pay(**order(**({"token": "tok_requires_action"} | changes)))
    assert payment.state is PaymentState.REQUIRES_ACTION
    return payment


# --- a gateway that is asked ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capture", "state", "last"),
    [
        ("automatic", PaymentState.SUCCESS, "payment.succeeded"),
        ("manual", PaymentState.AUTHORIZED, "payment.authorized"),
    ],
)
@virtual
async def test_a_passed_challenge_is_a_charge_or_an_authorization(capture, state, last):
    world = World()
    async with world.engine() as aegis:
        before = await challenged(aegis, capture=capture)
        world["alpha"].pass_challenge(before.attempts[0].id)
        payment = await aegis.complete_action(before.id)
        assert payment == await agreed(world, aegis, before.id)
        assert payment.state is state
        assert await types_after(aegis, before) == ["payment.action_completed", last]


@virtual
async def test_a_failed_challenge_fails_the_payment_and_no_other_gateway_is_tried():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        before = await challenged(aegis)
        world["alpha"].fail_challenge(before.attempts[0].id)
        payment = await aegis.complete_action(before.id)
        assert payment.failure is not None
        assert (payment.state, payment.failure.reason) == (PaymentState.FAILURE, Reason.AUTHENTICATION_FAILED)
        assert payment == await agreed(world, aegis, before.id)
    assert world.moved() == []


@virtual
async def test_while_the_payer_is_not_done_the_payment_goes_on_waiting():
    world = World(latency_s=1.0)
    async with world.engine() as aegis:
        before = await challenged(aegis)
        assert await aegis.complete_action(before.id) == before
        assert world.clock.monotonic() == 2.0
        world["alpha"].pass_challenge(before.attempts[0].id)
        assert (await aegis.complete_action(before.id)).state is PaymentState.SUCCESS
        await agreed(world, aegis, before.id)


@virtual
async def test_a_gateway_that_does_not_answer_leaves_the_payment_waiting_for_the_payer():
    world = World()
    async with world.engine() as aegis:
        before = await challenged(aegis)
        world["alpha"].is_up = False
        assert await aegis.complete_action(before.id) == before


@pytest.mark.parametrize("token", ["tok_visa", "tok_declined"])
@virtual
async def test_a_payment_without_an_action_is_returned_as_it_is(token):
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token=token))
        calls = world["alpha"].calls
        assert await aegis.complete_action(before.id) == before
        assert world["alpha"].calls == calls


@virtual
async def test_a_payment_that_was_not_processed_is_returned_at_once():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.create_payment(**order())
        assert await aegis.complete_action(before.id) == before
        assert world.clock.monotonic() == 0.0


@virtual
async def test_an_authorized_and_a_refunded_payment_are_returned_as_they_are():
    world = World()
    async with world.engine() as aegis:
        held = await authorized(aegis)
        assert await aegis.complete_action(held.id) == held
        paid = await charged(aegis, "order-2")
        back = await aegis.refund_payment(paid.id, idempotency_key="r", amount="1.00")
        assert await aegis.complete_action(paid.id) == back


@virtual
async def test_there_is_nothing_to_complete_of_a_payment_that_does_not_exist():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(PaymentNotFoundError):
            await aegis.complete_action("pay_" + "0" * 32)


@virtual
async def test_a_gateway_that_cannot_be_asked_leaves_it_to_its_webhook():
    world = World(contract=GatewayContract(lookup=LookupAuthority.NONE))
    async with world.engine() as aegis:
        before = await challenged(aegis)
        with pytest.raises(UnsupportedOperationError, match="cannot be asked") as caught:
            await aegis.complete_action(before.id)
        assert "webhook" in caught.value.hint
        assert await aegis.get_payment(before.id) == before
        world["alpha"].pass_challenge(before.attempts[0].id)
        (said,) = world["alpha"].notifications()
        await deliver(world, aegis, said)
        assert (await agreed(world, aegis, before.id)).state is PaymentState.SUCCESS


@virtual
async def test_a_gateway_that_is_not_registered_any_more_cannot_be_asked_and_nothing_changes():
    world = World()
    async with world.engine() as aegis:
        before = await challenged(aegis)
    world.gateways.clear()
    async with world.engine(ActionAdapter()) as aegis:
        with pytest.raises(UnknownGatewayError, match="alpha, which waits for the payer"):
            await aegis.complete_action(before.id)
        assert await aegis.get_payment(before.id) == before


@pytest.mark.parametrize("loop_seed", range(20))
@virtual
async def test_twenty_returns_and_the_webhook_at_once_are_one_charge(loop_seed):
    world = World(latency_s=(0.1, 2.0))
    async with world.engine() as aegis:
        before = await challenged(aegis)
        world["alpha"].pass_challenge(before.attempts[0].id)
        (said,) = world["alpha"].notifications()
        asked = [aegis.complete_action(before.id) for _ in range(20)]
        answers = await asyncio.gather(*asked, deliver(world, aegis, said))
        payment = await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.SUCCESS
        assert answers[:20] == [payment] * 20, f"seed {loop_seed}"
        assert payment.incidents == ()
    assert world.moved() == [("charge", 10_000)]


# --- a gateway that is told -----------------------------------------------------------------------------


def telling(world, complete, *, contract=None, lookup=None):
    """Return a gateway that charges when it is told that the payer came back."""

    async def charge(request):
        return RequiresAction(
            reference=f"odd-{request.reference}",
            action=NextAction(kind=ActionKind.REDIRECT, url="https://x.test", expires_at=world.clock.now() + _15_MIN),
        )

    gateway = ActionAdapter(
        charge, complete=complete, contract=contract, lookup=lookup, ledger=world.ledger, clock=world.clock
    )
    world.gateways.clear()
    return gateway


@virtual
async def test_a_gateway_that_has_to_be_told_gets_what_the_payer_brought_and_charges():
    world = World()

    async def complete(request, parameters):
        return odd.take(request)

    odd = telling(world, complete)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        payment = await aegis.complete_action(before.id, parameters={"cres": "secret-word"})
        assert payment == await agreed(world, aegis, before.id)
        assert payment.state is PaymentState.SUCCESS
    ((request, parameters),) = odd.completions
    assert parameters == {"cres": "secret-word"}
    assert request == odd.requests[0]


@virtual
async def test_a_gateway_that_says_the_payer_is_not_done_gets_the_caller_an_answer_and_can_be_told_again():
    world = World()
    answers = []

    async def complete(request, parameters):
        return answers.pop(0) if answers else odd.take(request)

    odd = telling(world, complete)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        answers.append(
            RequiresAction(
                reference=before.attempts[0].reference or "",
                action=NextAction(kind=ActionKind.WAIT, expires_at=world.clock.now() + _15_MIN),
            )
        )
        payment = await aegis.complete_action(before.id)
        assert (payment.state, world.clock.monotonic()) == (PaymentState.REQUIRES_ACTION, 0.0)
        assert (await aegis.complete_action(before.id)).state is PaymentState.SUCCESS
        await agreed(world, aegis, before.id)


@virtual
async def test_a_refusal_after_the_return_fails_the_payment():
    world = World()
    odd = telling(world, DECLINED)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        payment = await aegis.complete_action(before.id)
        assert payment.state is PaymentState.FAILURE
        assert payment == await agreed(world, aegis, before.id)


@pytest.mark.parametrize("loop_seed", range(10))
@virtual
async def test_twenty_returns_at_once_tell_the_gateway_once(loop_seed):
    world = World()

    async def complete(request, parameters):
        await elapse(1.0)
        return odd.take(request)

    odd = telling(world, complete)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        answers = await asyncio.gather(*(aegis.complete_action(before.id) for _ in range(20)))
        assert answers == [await agreed(world, aegis, before.id)] * 20, f"seed {loop_seed}"
    assert len(odd.completions) == 1
    assert world.charges() == [("odd", 10_000)]


@pytest.mark.parametrize("is_executed", [True, False])
@virtual
async def test_an_answer_lost_after_the_return_is_asked_about_and_never_guessed(is_executed):
    world = World()
    approved = []

    async def complete(request, parameters):
        if is_executed:
            approved.append(odd.take(request))
        return OutcomeUnknown(reason=Reason.CONNECTION_LOST)

    async def lookup(request):
        return approved[0] if approved else DECLINED

    odd = telling(world, complete, lookup=lookup)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        payment = await aegis.complete_action(before.id)
        assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
        payment = await settled(aegis, before.id)
        assert payment.state is (PaymentState.SUCCESS if is_executed else PaymentState.FAILURE)
        await agreed(world, aegis, before.id)
    assert len(odd.completions) == 1


@pytest.mark.parametrize("is_told", [True, False])
@virtual
async def test_a_process_that_dies_between_noting_the_return_and_the_gateways_answer_asks_what_came_of_it(is_told):
    world = World()
    approved = []

    async def complete(request, parameters):
        if is_told:
            approved.append(odd.take(request))
        await elapse(86_400)

    async def lookup(request):
        return approved[0] if approved else wanted

    odd = telling(world, complete, lookup=lookup, contract=GatewayContract(capture=CaptureSupport.MULTIPLE))
    async with world.engine(odd, shutdown_s=1) as aegis:
        before = await challenged(aegis)
        wanted = RequiresAction(reference=before.attempts[0].reference, action=before.action)
        telling_it = asyncio.create_task(aegis.complete_action(before.id))
        await elapse(2.0)
    await asyncio.gather(telling_it, return_exceptions=True)
    async with world.engine(odd) as aegis:
        await elapse(30)
        payment = await agreed(world, aegis, before.id)
        expected = PaymentState.SUCCESS if is_told else PaymentState.REQUIRES_ACTION
        assert payment.state is expected
    assert len(odd.completions) == 1


@virtual
async def test_a_cancelled_payment_is_not_charged_by_the_payers_return():
    world = World()

    async def complete(request, parameters):
        return odd.take(request)

    odd = telling(world, complete, lookup=DECLINED)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        await aegis.cancel_payment(before.id)
        payment = await aegis.complete_action(before.id)
        assert payment.state is PaymentState.CANCELLED
        await agreed(world, aegis, before.id)
    assert (odd.completions, world.moved()) == ([], [])


@virtual
async def test_what_the_payer_brought_is_in_no_event_and_no_log(caplog):
    caplog.set_level("DEBUG")
    world = World()

    async def complete(request, parameters):
        raise RuntimeError(f"bad {parameters}")

    odd = telling(world, complete)
    async with world.engine(odd) as aegis:
        before = await challenged(aegis)
        await aegis.complete_action(before.id, parameters={"cres": "hush-hush-4711"})
        stored = await aegis.payment_events(before.id)
        assert "hush-hush-4711" not in repr(stored)
    assert len(odd.completions) == 1
    assert "hush-hush-4711" not in caplog.text


@pytest.mark.parametrize("contract", [None, GatewayContract(lookup=LookupAuthority.NONE)])
@virtual
async def test_a_failed_challenge_that_only_the_webhook_reports_fails_the_payment(contract):
    world = World(contract=contract)
    async with world.engine() as aegis:
        before = await challenged(aegis)
        world["alpha"].fail_challenge(before.attempts[0].id)
        (said,) = world["alpha"].notifications()
        await deliver(world, aegis, said)
        await elapse(1)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.incidents) == (PaymentState.FAILURE, ())


@virtual
async def test_bad_news_about_an_earlier_attempt_do_not_end_the_challenge_at_the_next_gateway():
    world = World("alpha", "beta")
    world["alpha"].script("charge", Fault.REFUSE_CONNECTION)
    async with world.engine() as aegis:
        before = await challenged(aegis)
        assert [attempt.gateway for attempt in before.attempts] == ["alpha", "beta"]
        said = Notification(
            id="evt",
            kind=NotificationKind.CHARGE,
            reference=before.attempts[0].id,
            outcome=OutcomeUnknown(reason=Reason.GATEWAY_FAULT),
        )
        await deliver(world, aegis, said, "alpha")
        await elapse(5)
        assert await agreed(world, aegis, before.id) == before
