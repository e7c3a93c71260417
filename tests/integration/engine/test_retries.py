"""Attempts after the first, over a whole engine: at once, later, never."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay import PaymentState, Reason
from aegispay.domain.outcome import Declined, DeclineKind, GatewayMisconfigured, NotProcessed
from aegispay.domain.retry import RetryBudget, RetryPolicy, RetryRule
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

WAIT_S = 7_200.0
FUNDS = Declined(kind=DeclineKind.CUSTOMER_FIXABLE, reason=Reason.INSUFFICIENT_FUNDS, code="51")
SOFT = Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE)


def later(reason=Reason.INSUFFICIENT_FUNDS, action="same_gateway_later", delays_s=(WAIT_S,), **policy):
    rules = (RetryRule(reason=reason, action=action, delays_s=delays_s, why="salaries come"),)
    return RetryPolicy(**({"rules": rules} | policy))


def engine(world, *gateways, **config):
    """Return an engine that looks at its timers once in ten minutes: hours pass quickly here."""
    return world.engine(*gateways, **({"wake_interval_s": 600.0} | config))


def answering(name, *answers, world):
    """Return a gateway that gives these answers in turn and then approves."""
    left = list(answers)

    async def charge(request):
        if not left:
            return gateway.take(request)
        return left.pop(0)

    gateway = Adapter(charge, name=name, ledger=world.ledger, clock=world.clock)
    return gateway


def alone(*answers):
    world = World()
    world.gateways = []
    return world, answering("odd", *answers, world=world)


async def until_settled(aegis, payment_id, *, within_s):
    """Let time pass until the payment is final, and return it."""
    for _ in range(int(within_s // 600) + 1):
        payment = await aegis.get_payment(payment_id)
        if payment.state.is_final:
            return payment
        await elapse(600.0)
    raise AssertionError("not settled")


@virtual
async def test_a_payment_that_is_put_off_is_answered_at_once_and_charged_when_its_time_comes():
    world, odd = alone(FUNDS)
    async with engine(world, odd, retry=later()) as aegis:
        began_at = world.clock.now()
        payment = await aegis.pay(**order())
        assert (payment.state, payment.is_put_off) == (PaymentState.PROCESSING, True)
        assert payment.retry.why == "salaries come"
        assert timedelta(seconds=WAIT_S) <= payment.retry_at - began_at < timedelta(seconds=WAIT_S + 1)
        await elapse(WAIT_S - 60)
        assert len(odd.requests) == 1
        await elapse(700)
        payment = await aegis.get_payment(payment.id)
    assert (payment.state, payment.retry_at) == (PaymentState.SUCCESS, None)
    assert [request.idempotency_key[-7:] for request in odd.requests] == ["-a1-odd", "-a2-odd"]
    assert odd.requests[1].reference != odd.requests[0].reference
    assert world.captured_minor(payment.id) == 10_000


@virtual
async def test_asking_again_before_its_time_starts_no_attempt():
    world, odd = alone(FUNDS)
    async with engine(world, odd, retry=later()) as aegis:
        first = await aegis.pay(**order())
        again = await aegis.process_payment(first.id)
        same = await aegis.pay(**order())
    assert first.version == again.version == same.version
    assert len(odd.requests) == 1


@pytest.mark.parametrize("away_s", [60.0, 5 * WAIT_S])
@virtual
async def test_a_wait_survives_a_restart_however_long_it_takes(away_s):
    world, odd = alone(FUNDS)
    async with engine(world, odd, retry=later()) as aegis:
        payment = await aegis.pay(**order())
    await elapse(away_s)
    async with engine(world, odd, retry=later()) as aegis:
        kept = await aegis.get_payment(payment.id)
        if away_s < WAIT_S:
            assert kept.retry_at == payment.retry_at
            assert len(odd.requests) == 1
        ended = await until_settled(aegis, payment.id, within_s=2 * WAIT_S)
    assert ended.state is PaymentState.SUCCESS
    assert len(odd.requests) == 2


@virtual
async def test_a_cancel_while_it_waits_cancels_at_once_and_for_good():
    world, odd = alone(FUNDS)
    async with engine(world, odd, retry=later()) as aegis:
        payment = await aegis.pay(**order())
        cancelled = await aegis.cancel_payment(payment.id, idempotency_key="stop")
        assert (cancelled.state, cancelled.retry_at) == (PaymentState.CANCELLED, None)
        await elapse(3 * WAIT_S)
        assert (await aegis.get_payment(payment.id)).version == cancelled.version
    assert len(odd.requests) == 1


@virtual
async def test_a_short_wait_is_waited_for_by_the_caller():
    world, odd = alone(NotProcessed(reason=Reason.RATE_LIMITED, retry_after_s=20.0))
    policy = later(Reason.RATE_LIMITED, delays_s=(5.0,))
    async with engine(world, odd, retry=policy, wake_interval_s=1.0) as aegis:
        began_at = world.clock.now()
        payment = await aegis.pay(**order())
    assert payment.state is PaymentState.SUCCESS
    assert world.clock.now() - began_at >= timedelta(seconds=20)
    assert len(odd.requests) == 2


@virtual
async def test_attempts_are_counted_over_all_waits():
    world, odd = alone(*[FUNDS] * 9)
    async with engine(world, odd, retry=later(attempts_max=3)) as aegis:
        payment = await aegis.pay(**order())
        ended = await until_settled(aegis, payment.id, within_s=5 * WAIT_S)
    assert (ended.state, ended.failure.reason) == (PaymentState.FAILURE, Reason.INSUFFICIENT_FUNDS)
    assert len(odd.requests) == 3


@virtual
async def test_no_attempt_begins_after_the_deadline_however_long_the_engine_was_away():
    world, odd = alone(FUNDS)
    policy = later(deadline_s=2 * WAIT_S)
    async with engine(world, odd, retry=policy) as aegis:
        payment = await aegis.pay(**order())
        assert payment.retry_at is not None
    await elapse(3 * WAIT_S)
    async with engine(world, odd, retry=policy) as aegis:
        ended = await until_settled(aegis, payment.id, within_s=1_200)
    assert (ended.state, ended.failure.reason) == (PaymentState.FAILURE, Reason.INSUFFICIENT_FUNDS)
    assert len(odd.requests) == 1


@virtual
async def test_a_deadline_leaves_a_doubt_alone():
    world = World()

    async def found(request):
        if world.clock.now() - began_at < timedelta(seconds=600):
            raise TimeoutError
        return approval(request)

    odd = Adapter(TimeoutError(), name="odd", lookup=found, ledger=world.ledger)
    world.gateways = []
    began_at = world.clock.now()
    async with engine(world, odd, retry=RetryPolicy(deadline_s=1.0)) as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        ended = await until_settled(aegis, payment.id, within_s=WAIT_S)
    assert ended.state is PaymentState.SUCCESS


@virtual
async def test_after_a_wait_any_gateway_means_those_as_well_that_were_tried():
    world = World()
    world.gateways = []
    alpha = answering("alpha", SOFT, world=world)
    beta = answering("beta", GatewayMisconfigured(), *[SOFT] * 9, world=world)
    rules = (
        RetryRule(reason=Reason.ISSUER_UNAVAILABLE, gateway="alpha", action="any_gateway_later", delays_s=(WAIT_S,)),
    )
    async with engine(world, beta, alpha, retry=RetryPolicy(rules=rules), routing="cost_optimised") as aegis:
        payment = await aegis.pay(**order())
        assert [attempt.gateway for attempt in payment.attempts] == ["beta", "alpha"]
        ended = await until_settled(aegis, payment.id, within_s=2 * WAIT_S)
    assert [attempt.gateway for attempt in ended.attempts] == ["beta", "alpha", "alpha"]
    dropped = {each.gateway: each.dropped for each in (await last_decision(world, ended)).candidates}
    assert dropped == {"beta": "already tried", "alpha": None}


async def last_decision(world, payment):
    events = [stored.event for stored in await world.store.load(payment.id)]
    return [event for event in events if hasattr(event, "decision")][-1].decision


@pytest.mark.parametrize(
    ("asked", "why"), [(None, "the retry waits for alpha"), ("alpha", "the request asks for alpha")]
)
@virtual
async def test_a_wait_for_one_gateway_goes_to_no_other_and_the_record_says_who_wanted_that(asked, why):
    world = World()
    world.gateways = []
    alpha, beta = answering("alpha", FUNDS, world=world), answering("beta", world=world)
    async with engine(world, alpha, beta, retry=later(), routing="cost_optimised") as aegis:
        payment = await aegis.pay(**order(gateway=asked))
        ended = await until_settled(aegis, payment.id, within_s=2 * WAIT_S)
    assert [attempt.gateway for attempt in ended.attempts] == ["alpha", "alpha"]
    assert beta.requests == []
    dropped = {each.gateway: each.dropped for each in (await last_decision(world, ended)).candidates}
    assert dropped == {"alpha": None, "beta": why}


@virtual
async def test_a_gateway_that_is_away_when_the_time_comes_is_waited_for_a_little_longer():
    world, odd = alone(FUNDS)
    async with engine(world, odd, retry=later()) as aegis:
        payment = await aegis.pay(**order())
        await aegis.disable_gateway("odd", reason="audit")
        await elapse(WAIT_S + 700)
        waiting = await aegis.get_payment(payment.id)
        assert (waiting.state, len(waiting.attempts)) == (PaymentState.PROCESSING, 1)
        assert waiting.retry_at > world.clock.now()
        assert waiting.retry.gateway == "odd"
        await aegis.enable_gateway("odd")
        ended = await until_settled(aegis, payment.id, within_s=2 * WAIT_S)
    assert ended.state is PaymentState.SUCCESS
    assert "payment.retry_put_off" in await world.types(payment.id)


@virtual
async def test_a_gateway_that_stays_away_is_waited_for_until_the_deadline_and_not_often():
    world, odd = alone(FUNDS)
    async with engine(world, odd, retry=later(deadline_s=6 * WAIT_S)) as aegis:
        payment = await aegis.pay(**order())
        await aegis.disable_gateway("odd", reason="audit")
        await elapse(7 * WAIT_S)
        ended = await aegis.get_payment(payment.id)
    assert (ended.state, ended.failure.reason) == (PaymentState.FAILURE, Reason.INSUFFICIENT_FUNDS)
    assert 1 <= (await world.types(payment.id)).count("payment.retry_put_off") <= 12


@virtual
async def test_without_budget_a_payment_ends_like_its_attempt_and_says_so():
    world = World()
    world.gateways = []
    alpha, beta = answering("alpha", *[SOFT] * 9, world=world), answering("beta", world=world)
    policy = RetryPolicy(budget=RetryBudget(share=0.0, floor=2))
    async with engine(world, alpha, beta, retry=policy, routing="cost_optimised") as aegis:
        payments = [await aegis.pay(**order(f"order-{number}")) for number in range(4)]
        assert [payment.state.value for payment in payments] == ["success", "success", "failure", "failure"]
        assert {payment.failure.reason for payment in payments[2:]} == {Reason.ISSUER_UNAVAILABLE}
        await elapse(120)
        assert (await aegis.pay(**order("order-9"))).state is PaymentState.SUCCESS
    assert (len(alpha.requests), len(beta.requests)) == (5, 3)


@virtual
async def test_a_verdict_of_a_person_leads_to_no_other_attempt():
    world = World()
    world.gateways = []
    odd = Adapter(TimeoutError(), name="odd", lookup=TimeoutError(), ledger=world.ledger)
    rules = (RetryRule(action="any_gateway_later", delays_s=(60.0,)),)
    async with engine(world, odd, answering("beta", world=world), retry=RetryPolicy(rules=rules)) as aegis:
        payment = await aegis.pay(**order(gateway="odd"))
        assert payment.in_doubt
        await elapse(60)
        ended = await aegis.resolve_payment(payment.id, "not_executed", operator="kim", evidence="the bank")
    assert (ended.state, ended.retry_at, len(ended.attempts)) == (PaymentState.FAILURE, None, 1)


@pytest.mark.parametrize("is_anybody_left", [True, False])
@virtual
async def test_a_wait_for_a_gateway_that_is_registered_no_more_ends_with_the_deadline(is_anybody_left):
    world, odd = alone(FUNDS)
    retry = later(deadline_s=86_400.0)
    async with engine(world, odd, retry=retry) as aegis:
        waiting = await aegis.pay(**order(gateway="odd"))
        assert waiting.retry_at is not None
    left = [answering("beta", world=world)] if is_anybody_left else []
    async with engine(world, *left, retry=retry) as aegis:
        payment = await until_settled(aegis, waiting.id, within_s=2 * 86_400)
    assert (payment.state, payment.failure.reason) == (PaymentState.FAILURE, Reason.INSUFFICIENT_FUNDS)
    assert world.charges() == []
