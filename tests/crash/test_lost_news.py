"""News that never came: time alone says nothing about money, and what was never sent does not stay in doubt."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import GatewayContract, LookupAuthority, Payment, PaymentState, Reason
from aegispay.testing import run_virtual
from tests.crash.lives import Lives, ProcessDies
from tests.crash.points import Places
from tests.crash.scenarios import Scenario, alone
from tests.integration.engine.books import agreed
from tests.integration.engine.rig import World, elapse, order, virtual

CHALLENGE_S = 900.0
BLIND = {
    "no look-up": GatewayContract(idempotency_window_s=None, lookup=LookupAuthority.NONE),
    "hearsay": GatewayContract(idempotency_window_s=None, lookup=LookupAuthority.ADVISORY, visibility_delay_s=5_000.0),
}


@pytest.mark.parametrize("kind", BLIND)
@virtual
async def test_a_challenge_whose_time_is_over_where_nobody_knows_is_in_doubt_until_its_webhook_comes(kind):
    world = World(contract=BLIND[kind])
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_requires_action"))
        await elapse(CHALLENGE_S - 60)
        world["alpha"].pass_challenge(payment.attempts[0].id)
        await elapse(5_000 if kind == "hearsay" else 120)
        payment = await aegis.get_payment(payment.id)
        assert payment.state is not PaymentState.FAILURE
        (said,) = world["alpha"].notifications(payment.id)
        headers, body = world["alpha"].webhook(said)
        await aegis.receive_webhook("alpha", headers, body)
        payment = await agreed(world, aegis, payment.id)
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 10_000)


@virtual
async def test_a_challenge_passed_so_late_that_no_look_up_shows_it_yet_has_not_failed():
    contract = GatewayContract(idempotency_window_s=None, visibility_delay_s=60.0)
    world = World(contract=contract)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_requires_action"))
        await elapse(CHALLENGE_S - 2)
        world["alpha"].pass_challenge(payment.attempts[0].id)
        await elapse(200)
        payment = await agreed(world, aegis, payment.id)
    assert payment.state is PaymentState.SUCCESS


def test_what_a_gateway_does_not_offer_is_never_in_doubt_for_ever_wherever_the_process_dies():
    clean, places = run_virtual(_cancel_without_refunds())
    payments = [clean, *(run_virtual(_cancel_without_refunds(number))[0] for number in range(len(places)))]
    ends = {payment.state for payment in payments}
    assert ends <= {PaymentState.SUCCESS, PaymentState.CANCELLED}
    assert clean.state is PaymentState.SUCCESS
    for payment in payments:
        assert not payment.in_doubt
        is_called_for = Reason.CANCEL_NOT_EXECUTED in {incident.reason for incident in payment.incidents}
        assert is_called_for is (payment.state is PaymentState.SUCCESS)


async def _cancel_without_refunds(*chosen: int) -> tuple[Payment, list[str]]:
    contract = GatewayContract(refund=False)
    scenario = Scenario("cancel without refunds", alone(contract=contract, latency_s=3.0), lambda _: elapse(0), ())
    lives = Lives(scenario, Places(*chosen), ProcessDies())
    paying = asyncio.create_task(lives.ask(lambda aegis: aegis.pay(**order())))
    await elapse(1)
    created = await lives.ask(lambda aegis: aegis.create_payment(**order()))
    await lives.ask(lambda aegis: aegis.cancel_payment(created.id))
    await paying
    for _ in range(300):
        await lives.living()
        await elapse(1)
    payment = await lives.ask(lambda aegis: aegis.get_payment(created.id))
    await lives.end()
    return payment, lives.places.passed
