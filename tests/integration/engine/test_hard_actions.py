"""Payers who come late, early or twice, and challenges whose end is moved, far off or never told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from aegispay import GatewayContract, LookupAuthority, NotFound, PaymentState, Pending, RequiresAction
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import ActionKind, NextAction
from tests.integration.engine.rig import ActionAdapter, Adapter, World, approval, elapse, order, virtual

MINUTE_S = 60
QUARTER = timedelta(minutes=15)
NEVER = datetime.max.replace(tzinfo=UTC)


def challenge(expires_at):
    action = NextAction(kind=ActionKind.REDIRECT, url="https://odd.example/c", expires_at=expires_at)
    return RequiresAction(reference="odd_1", action=action)


def engine_of(world, *gateways, **config):
    world.gateways.clear()
    return world.engine(*gateways, **config)


def seen(odd, world):
    odd.clock, odd.ledger = world.clock, world.ledger
    return odd


class Notifying(ActionAdapter):
    """Told of the payer's return, and reports what the test says."""

    said: tuple[Notification, ...] = ()

    async def parse_webhook(self, headers, body):
        return self.said


@virtual
async def test_a_challenge_that_the_gateway_prolonged_is_not_ended_by_the_time_it_first_had():
    world = World()
    ends, later = world.clock.now() + QUARTER, world.clock.now() + 3 * QUARTER
    has_passed = asyncio.Event()

    async def look(request):
        return approval(request, reference="odd_1") if has_passed.is_set() else challenge(later)

    odd = seen(Adapter(challenge(ends), lookup=look), world)
    async with engine_of(world, odd) as aegis:
        payment = await aegis.pay(**order())
        await elapse(20 * MINUTE_S)
        payment = await aegis.get_payment(payment.id)
        assert (payment.state, payment.action.expires_at) == (PaymentState.REQUIRES_ACTION, later)
        has_passed.set()
        payment = await aegis.complete_action(payment.id)
    assert payment.state is PaymentState.SUCCESS


@virtual
async def test_a_prolonged_challenge_ends_at_its_new_time():
    world = World()
    ends, later = world.clock.now() + QUARTER, world.clock.now() + 3 * QUARTER
    odd = seen(Adapter(challenge(ends), lookup=challenge(later)), world)
    async with engine_of(world, odd) as aegis:
        payment = await aegis.pay(**order())
        await elapse(44 * MINUTE_S)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.REQUIRES_ACTION
        await elapse(5 * MINUTE_S)
        payment = await aegis.get_payment(payment.id)
    assert (payment.state, payment.failure.reason.value) == (PaymentState.FAILURE, "action_expired")


@virtual
async def test_a_return_still_being_told_to_the_gateway_when_the_process_died_is_not_ended_by_time():
    world = World()
    ends = world.clock.now() + QUARTER

    async def look(request):
        is_known = world.ledger.find_reference("odd", request.reference) is not None
        return approval(request, reference="odd_1") if is_known else challenge(ends)

    async def complete(request, parameters):
        asyncio.get_running_loop().call_later(20, odd.take, request)
        await asyncio.Event().wait()

    odd = seen(ActionAdapter(challenge(ends), complete=complete, lookup=look), world)
    async with engine_of(world, odd, shutdown_s=0.5) as aegis:
        payment = await aegis.pay(**order())
        await elapse(15 * MINUTE_S - 1)
        returning = asyncio.create_task(aegis.complete_action(payment.id))
        await elapse(0.1)
    await asyncio.gather(returning, return_exceptions=True)
    async with engine_of(world, odd) as aegis:
        await elapse(10 * MINUTE_S)
        payment = await aegis.get_payment(payment.id)
    assert (payment.state, payment.incidents) == (PaymentState.SUCCESS, ())
    assert world.charges() == [("odd", 10_000)]


@pytest.mark.parametrize("shown", ["nothing", "the same", "a minute more"])
@pytest.mark.parametrize("lookup", LookupAuthority)
@virtual
async def test_a_challenge_that_nobody_passes_is_never_sent_again_and_asked_about_at_measured_distances(lookup, shown):
    world = World()
    now = world.clock.now
    first = challenge(now() + QUARTER)

    async def look(request):
        if shown == "a minute more":
            return challenge(now() + timedelta(minutes=1))
        return NotFound() if shown == "nothing" else first

    odd = seen(Adapter(first, lookup=look, contract=GatewayContract(lookup=lookup)), world)
    async with engine_of(world, odd) as aegis:
        payment = await aegis.pay(**order())
        await elapse(75 * MINUTE_S)
        events = await aegis.payment_events(payment.id)
    assert len(odd.requests) == 1
    assert len(odd.lookups) < 130
    assert len(events) < 150


@virtual
async def test_a_return_that_meets_a_running_look_up_is_told_to_the_gateway_with_what_the_payer_brought():
    world = World()
    ends = world.clock.now() + QUARTER

    async def look(request):
        await elapse(2)
        return challenge(ends)

    async def complete(request, parameters):
        return odd.take(request)

    odd = seen(Notifying(challenge(ends), complete=complete, lookup=look), world)
    async with engine_of(world, odd) as aegis:
        payment = await aegis.pay(**order())
        reference, outcome = payment.attempts[0].id, Pending(reference="odd_1")
        odd.said = (Notification(id="evt_1", kind=NotificationKind.CHARGE, reference=reference, outcome=outcome),)
        await aegis.receive_webhook("odd", {}, b"{}")
        await elapse(0.5)
        assert len(odd.lookups) == 1
        payment = await aegis.complete_action(payment.id, parameters={"cres": "abc"})
    assert payment.state is PaymentState.SUCCESS
    assert [parameters for _, parameters in odd.completions] == [{"cres": "abc"}]
    assert world.charges() == [("odd", 10_000)]


@virtual
async def test_a_return_is_not_answered_with_a_look_up_that_began_before_it():
    world = World()
    ends = world.clock.now() + QUARTER
    has_passed = asyncio.Event()

    async def look(request):
        was_passed = has_passed.is_set()
        await elapse(2)
        return approval(request, reference="odd_1") if was_passed else challenge(ends)

    odd = seen(Adapter(challenge(ends), lookup=look), world)
    async with engine_of(world, odd) as aegis:
        payment = await aegis.pay(**order())
        early = asyncio.create_task(aegis.complete_action(payment.id))
        await elapse(1)
        has_passed.set()
        payment = await aegis.complete_action(payment.id)
        await early
    assert payment.state is PaymentState.SUCCESS
    assert len(odd.lookups) == 2


def endless(world):
    contract = GatewayContract(visibility_delay_s=5)
    return seen(Adapter(challenge(NEVER), lookup=challenge(NEVER), contract=contract), world)


@virtual
async def test_an_action_without_an_end_neither_parks_the_payment_nor_ends_it():
    world = World()
    async with engine_of(world, endless(world)) as aegis:
        payment = await aegis.pay(**order())
        payment = await aegis.complete_action(payment.id)
        assert (payment.state, payment.is_parked) == (PaymentState.REQUIRES_ACTION, False)
        await elapse(20 * MINUTE_S)
        assert await aegis.get_payment(payment.id) == payment


@virtual
async def test_actions_without_an_end_at_one_gateway_do_not_stop_the_payments_of_another():
    world = World("beta")
    beta = world["beta"]
    async with engine_of(world, endless(world), beta) as aegis:
        waiting = [await aegis.pay(**order(f"order-{n}", gateway="odd")) for n in range(60)]
        answers = await asyncio.gather(*(aegis.complete_action(each.id) for each in waiting))
        payment = await aegis.pay(**order("other", gateway="beta"))
        assert {answer.state for answer in answers} == {PaymentState.REQUIRES_ACTION}
        assert (await aegis.health()).parked == ()
    assert payment.state is PaymentState.SUCCESS
