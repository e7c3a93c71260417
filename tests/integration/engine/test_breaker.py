"""Breaker and health through the public API: when traffic moves, when probes are let through, what is counted."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import Declined, DeclineKind, GatewayContract, NotSentError, OutcomeUnknown, PaymentState, Reason
from aegispay.domain.breaker import BreakerPolicy, BreakerState
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

CLOSED, OPEN, HALF_OPEN = BreakerState
GREEN = {"answers_to_probe": 0}
"""As with gateways whose health check says yes all through an outage: only time ends a pause."""


async def pay_many(aegis, name, count, **changes):
    return [await aegis.pay(**order(f"{name}-{n}", **changes)) for n in range(count)]


async def breaker(aegis, name="alpha"):
    return (await aegis.gateway_metrics(name)).breaker


@virtual
async def test_five_faults_open_the_breaker_and_traffic_moves_on():
    world = World("alpha", "beta")
    world["alpha"].is_up = False
    async with world.engine(routing="lowest_latency") as aegis:
        for n in range(4):
            await aegis.pay(**order(f"first-{n}", gateway="alpha"))
            assert await breaker(aegis) is CLOSED
        await aegis.pay(**order("first-4", gateway="alpha"))
        assert await breaker(aegis) is OPEN
        calls = world["alpha"].calls
        payments = await pay_many(aegis, "later", 20)
        assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
        assert {payment.attempts[0].gateway for payment in payments} == {"beta"}
        assert world["alpha"].calls == calls == 5


@virtual
async def test_four_faults_and_a_pause_longer_than_the_window_do_not_open_it():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "a", 4)
        await elapse(61)
        await pay_many(aegis, "b", 4)
        assert await breaker(aegis) is CLOSED


@virtual
async def test_after_60_s_it_is_half_open_and_two_successful_payments_close_it():
    world = World("alpha")
    async with world.engine(health_checks=GREEN) as aegis:
        world["alpha"].is_up = False
        await pay_many(aegis, "fault", 5)
        world["alpha"].is_up = True
        await elapse(59)
        assert await breaker(aegis) is OPEN
        assert (await aegis.pay(**order("too-early"))).state is PaymentState.FAILURE
        await elapse(1.5)
        assert await breaker(aegis) is HALF_OPEN
        assert (await aegis.pay(**order("probe-1"))).state is PaymentState.SUCCESS
        assert await breaker(aegis) is HALF_OPEN
        assert (await aegis.pay(**order("probe-2"))).state is PaymentState.SUCCESS
        assert await breaker(aegis) is CLOSED


@virtual
async def test_health_checks_alone_never_close_it():
    """A gateway may answer that it is well while its charges fail."""
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 5)
        world["alpha"].is_up = True
        await elapse(300)
        assert await breaker(aegis) is HALF_OPEN


@virtual
async def test_a_recovering_gateway_gets_one_payment_as_a_probe_although_others_do_better():
    world = World("alpha", "beta")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 5, gateway="alpha")
        await pay_many(aegis, "good", 5, gateway="beta")
        world["alpha"].is_up = True
        await elapse(62.5)
        payments = await pay_many(aegis, "later", 4)
    assert [payment.gateway for payment in payments] == ["alpha", "beta", "beta", "beta"]


@virtual
async def test_a_failing_health_check_opens_it_for_another_60_s_and_costs_no_payment():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 5)
        calls = world["alpha"].calls
        await elapse(60.5)
        metrics = await aegis.gateway_metrics("alpha")
        assert (metrics.breaker, metrics.breaker_age_s) == (OPEN, pytest.approx(0.5))
        await elapse(59)
        assert await breaker(aegis) is OPEN
        assert world["alpha"].calls == calls


def charging(*, bad="tok_bad", slow="tok_slow", until=None):
    """Return a charge that raises for one token, waits for an event for another, and approves the rest."""

    async def charge(request):
        if request.payment_method.token == slow and until is not None:
            await until.wait()
        elif request.payment_method.token == bad:
            raise RuntimeError
        return approval(request)

    return charge


def odd_world(charge, **config):
    """Return an engine with one gateway whose health checks take longer than any test."""
    world = World()
    contract = GatewayContract(timeout_s=500.0, idempotency_window_s=None)
    odd = Adapter(charge, contract=contract, health_s=1_000.0)
    world.gateways.clear()
    return world.engine(odd, check_delays_s=(10_000,), **config)


@virtual
async def test_payments_are_probes_too_and_one_failure_opens_it_again():
    async with odd_world(charging()) as aegis:
        await pay_many(aegis, "bad", 5, token="tok_bad")
        await elapse(60.5)
        assert (await aegis.pay(**order("probe"))).state is PaymentState.SUCCESS
        assert await breaker(aegis, "odd") is HALF_OPEN
        assert (await aegis.pay(**order("bad-probe", token="tok_bad"))).in_doubt
        metrics = await aegis.gateway_metrics("odd")
        assert (metrics.breaker, metrics.breaker_age_s) == (OPEN, pytest.approx(0))


@virtual
async def test_a_half_open_gateway_gets_at_most_three_probes_at_once_and_the_rest_goes_elsewhere():
    """Twenty payments are sent to it in one moment, when there is nowhere else to go."""
    world = World("beta")
    down = [True]

    async def charge(request):
        if down[0]:
            raise NotSentError("down")
        await elapse(0.3)
        return approval(request)

    alpha = Adapter(charge, name="alpha", health_s=0.9)
    world.gateways.insert(0, alpha)
    append = world.store.append

    async def slow(appended):
        await elapse(0.05)
        return await append(appended)

    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 5, gateway="alpha")
        down[0] = False
        await elapse(60.5)
        await aegis.disable_gateway("beta", reason="maintenance")
        world.store.append = slow
        paying = [asyncio.create_task(aegis.pay(**order(f"p-{n}"))) for n in range(20)]
        await elapse(0.04)
        await aegis.enable_gateway("beta")
        payments = await asyncio.gather(*paying)
        assert {payment.attempts[0].gateway for payment in payments} == {"alpha"}
        assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
        assert len(alpha.requests) - 5 == 3
        assert sum(payment.gateway == "beta" for payment in payments) == 17


@virtual
async def test_declines_never_count_against_a_gateway():
    world = World("alpha")
    async with world.engine() as aegis:
        for token in ("tok_declined", "tok_fraud", "tok_insufficient_funds", "tok_incorrect_cvc", "tok_soft_declined"):
            await pay_many(aegis, token, 10, token=token)
        metrics = await aegis.gateway_metrics("alpha")
    assert metrics.breaker is CLOSED
    assert (metrics.calls, metrics.faults, metrics.success_rate) == (50, 0, 1.0)


@pytest.mark.parametrize(
    ("token", "counts"),
    [
        ("tok_refuse_connection", True),
        ("tok_bad_credentials", True),
        ("tok_hang_after_charge", True),
        ("tok_error_after_charge", True),
        ("tok_raise_before_charge", True),
        ("tok_garbage_after_charge", True),
        ("tok_rate_limit", False),
        ("tok_requires_action", False),
        ("tok_wrong_amount", False),
    ],
)
@virtual
async def test_only_the_gateways_own_faults_count(token, counts):
    world = World("alpha")
    async with world.engine(check_delays_s=(1_000,)) as aegis:
        await aegis.pay(**order(token=token))
        metrics = await aegis.gateway_metrics("alpha")
    assert (metrics.calls, metrics.faults) == (1, int(counts))


@virtual
async def test_the_open_breaker_and_its_age_survive_a_restart():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 5)
        await elapse(20)
    await elapse(15)
    world["alpha"].is_up = True
    async with world.engine() as aegis:
        metrics = await aegis.gateway_metrics("alpha")
        assert (metrics.breaker, metrics.breaker_age_s) == (OPEN, pytest.approx(35))
        assert (await aegis.pay(**order("early"))).state is PaymentState.FAILURE
        await elapse(26)
        assert await breaker(aegis) is HALF_OPEN


@virtual
async def test_faults_counted_before_a_restart_still_count_after_it():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "before", 4)
    async with world.engine() as aegis:
        metrics = await aegis.gateway_metrics("alpha")
        assert (metrics.calls, metrics.faults) == (4, 4)
        await aegis.pay(**order("after"))
        assert await breaker(aegis) is OPEN


@virtual
async def test_with_every_breaker_open_the_refusal_is_clear_and_immediate():
    world = World("alpha", "beta")
    for gateway in world.gateways:
        gateway.is_up = False
    async with world.engine() as aegis:
        for name in ("alpha", "beta"):
            await pay_many(aegis, name, 5, gateway=name)
        before = world.clock.monotonic()
        payment = await aegis.pay(**order())
        assert world.clock.monotonic() == before
    assert payment.state is PaymentState.FAILURE
    assert payment.attempts == ()
    assert payment.failure is not None
    assert payment.failure.reason is Reason.NO_ELIGIBLE_GATEWAY
    assert payment.failure.message == ("no eligible gateway: alpha dropped (breaker open); beta dropped (breaker open)")


@virtual
async def test_a_late_answer_to_a_call_from_before_says_nothing_about_the_probes():
    """A call admitted while closed ends while half open: it is no probe, so it neither closes nor opens."""
    until = asyncio.Event()
    async with odd_world(charging(until=until), breaker=BreakerPolicy(successes_to_close=1)) as aegis:
        waiting = asyncio.create_task(aegis.pay(**order("slow", token="tok_slow")))
        await elapse(1)
        await pay_many(aegis, "bad", 5, token="tok_bad")
        await elapse(61)
        assert await breaker(aegis, "odd") is HALF_OPEN
        until.set()
        assert (await waiting).state is PaymentState.SUCCESS
        assert await breaker(aegis, "odd") is HALF_OPEN
        await aegis.pay(**order("probe"))
        assert await breaker(aegis, "odd") is CLOSED


@virtual
async def test_a_probe_of_an_earlier_half_open_time_says_nothing_about_this_one():
    until = asyncio.Event()
    policy = BreakerPolicy(successes_to_close=1, probes_max=10)
    async with odd_world(charging(until=until), breaker=policy) as aegis:
        await pay_many(aegis, "bad", 5, token="tok_bad")
        await elapse(60.5)
        old_probe = asyncio.create_task(aegis.pay(**order("slow", token="tok_slow")))
        await elapse(1)
        await aegis.pay(**order("bad-probe", token="tok_bad"))
        assert await breaker(aegis, "odd") is OPEN
        await elapse(61)
        assert await breaker(aegis, "odd") is HALF_OPEN
        until.set()
        assert (await old_probe).state is PaymentState.SUCCESS
        assert await breaker(aegis, "odd") is HALF_OPEN


@virtual
async def test_slowness_alone_opens_no_breaker():
    world = World("alpha", latency_s=(2.0, 5.0))
    async with world.engine() as aegis:
        await pay_many(aegis, "slow", 30)
        metrics = await aegis.gateway_metrics("alpha")
    assert (metrics.breaker, metrics.faults) == (CLOSED, 0)
    assert metrics.health < 0.9


@virtual
async def test_metrics_are_exact():
    world = World("alpha", contract=GatewayContract(concurrency_max=2), latency_s=0.5)
    async with world.engine() as aegis:
        await pay_many(aegis, "good", 6)
        await pay_many(aegis, "declined", 3, token="tok_declined")
        world["alpha"].is_up = False
        await aegis.pay(**order("down"))
        world["alpha"].is_up = True
        running = [asyncio.create_task(aegis.pay(**order(f"burst-{n}"))) for n in range(4)]
        await elapse(0.1)
        metrics = await aegis.gateway_metrics("alpha")
        assert metrics.in_flight == 2
        assert metrics.refused == 2
        assert (metrics.calls, metrics.faults, metrics.success_rate) == (10, 1, 0.9)
        assert metrics.latency_p50_s == pytest.approx(0.5, rel=0.35)
        assert metrics.breaker is CLOSED
        assert metrics.is_enabled
        await asyncio.gather(*running)
        after = await aegis.gateway_metrics("alpha")
        assert (after.in_flight, after.calls, after.refused) == (0, 12, 2)
        assert after == (await aegis.gateway_metrics())[0]


@virtual
async def test_health_forgets_what_is_older_than_its_window():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine(health_window_s=60.0) as aegis:
        await pay_many(aegis, "fault", 3)
        world["alpha"].is_up = True
        assert (await aegis.gateway_metrics("alpha")).success_rate == 0.0
        await elapse(61)
        metrics = await aegis.gateway_metrics("alpha")
    assert (metrics.calls, metrics.success_rate, metrics.health) == (0, None, 1.0)


@virtual
async def test_a_decline_proves_a_half_open_gateway_as_well_as_an_approval():
    declined = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR)
    answers = iter([*[RuntimeError()] * 5, declined, declined])

    async def charge(request):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with odd_world(charge) as aegis:
        await pay_many(aegis, "bad", 5)
        await elapse(60.5)
        await pay_many(aegis, "declined", 2)
        assert await breaker(aegis, "odd") is CLOSED


@virtual
async def test_an_open_breaker_keeps_nobody_from_learning_whether_he_was_charged():
    world = World()
    answers: dict[str, object] = {}

    async def charge(request):
        answers[request.reference] = odd.take(request)
        return OutcomeUnknown(reason=Reason.CONNECTION_LOST)

    async def look(request):
        return answers[request.reference]

    odd = Adapter(charge, lookup=look, name="odd", ledger=world.ledger)
    world.gateways.clear()
    async with world.engine(odd) as aegis:
        doubts = [await aegis.pay(**order(f"lost-{number}")) for number in range(5)]
        assert await breaker(aegis, "odd") is OPEN
        await elapse(5)
        assert await breaker(aegis, "odd") is OPEN
        states = {(await aegis.get_payment(payment.id)).state for payment in doubts}
    assert states == {PaymentState.SUCCESS}
