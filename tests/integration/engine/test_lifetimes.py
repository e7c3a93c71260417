"""Durable timers and restarts: what was left in the middle goes on by itself, and nothing fires early."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from aegispay import (
    AttemptStatus,
    GatewayContract,
    LookupAuthority,
    PaymentParkedError,
    PaymentState,
    Reason,
    StoreUnavailableError,
)
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.ids import derive_payment_id
from aegispay.domain.keys import attempt_id, charge_key, request_digest
from aegispay.domain.outcome import NotProcessed
from aegispay.domain.projection import project
from aegispay.domain.request import CaptureMode, parse_request
from aegispay.history import rebuild
from aegispay.ports import Append, ChargeRequest, PaymentQuery
from tests import builders as b
from tests.integration.engine.rig import World, elapse, order, virtual


async def left_behind(world, *steps, key="order-1", **changes):
    """Store a payment as an engine that died would have left it, and return its id."""
    request = parse_request(**order(key, **changes))
    payment_id = derive_payment_id(world.store.salt, request.merchant, key)
    now = world.clock.now()
    draft = Draft(payment_id, None)
    expires_at = now + timedelta(days=7)
    create = c.CreatePayment(at=now, request=request, fingerprint=request.fingerprint(), expires_at=expires_at)
    for command in (create, *(step(payment_id, now) for step in steps)):
        assert draft.apply(command) is None
    append = Append(payment_id=payment_id, expected_version=0, events=draft.events, row=project(draft.payment))
    await world.store.append(append)
    return payment_id


def authenticated(_payment_id, now):
    return c.AuthenticatePayment(at=now)


def started(payment_id, now):
    operation_id, key = attempt_id(payment_id, 1), charge_key(payment_id, 1, "alpha")
    fingerprint = parse_request(**order()).fingerprint()
    return c.StartAttempt(
        at=now,
        gateway="alpha",
        operation_id=operation_id,
        idempotency_key=key,
        request_digest=request_digest(operation_id, key, fingerprint),
        deadline_at=now + timedelta(seconds=40),
        decision=b.decision("alpha"),
    )


def came_to(outcome, *, next_check_s=1.0):
    def record(payment_id, now):
        return c.RecordOutcome(
            at=now,
            operation_id=f"{payment_id}-a1",
            outcome=outcome,
            next_check_at=now + timedelta(seconds=next_check_s),
            authorization_expires_at=now,
        )

    return record


@virtual
async def test_a_payment_that_nobody_processes_is_cancelled_when_its_time_is_over():
    world = World()
    async with world.engine(payment_expiry_s=600) as aegis:
        payment = await aegis.create_payment(**order())
        await elapse(599)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.INITIATED
        await elapse(3)
        late = await aegis.get_payment(payment.id)
        assert late.state is PaymentState.CANCELLED
        assert await aegis.pay(**order()) == late
    assert world["alpha"].calls == 0
    assert (await world.types(payment.id))[-1] == "payment.cancelled"


@virtual
async def test_a_payment_whose_time_ended_while_the_engine_was_closed_is_cancelled_on_return():
    world = World()
    async with world.engine(payment_expiry_s=600) as aegis:
        payment = await aegis.create_payment(**order())
    await elapse(90 * 86_400)
    async with world.engine() as aegis:
        await elapse(2)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.CANCELLED


@virtual
async def test_a_payment_processed_just_in_time_is_not_cancelled_afterwards():
    world = World(latency_s=20.0)
    async with world.engine(payment_expiry_s=10) as aegis:
        payment = await aegis.create_payment(**order())
        await elapse(9)
        assert (await aegis.process_payment(payment.id)).state is PaymentState.SUCCESS
        await elapse(30)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS


@virtual
async def test_an_authenticated_payment_goes_on_when_the_engine_opens():
    world = World()
    payment_id = await left_behind(world, authenticated)
    async with world.engine() as aegis:
        await elapse(1)
        assert (await aegis.get_payment(payment_id)).state is PaymentState.SUCCESS
    assert world.charges(payment_id) == [("alpha", 10_000)]


@virtual
async def test_a_payment_between_two_attempts_goes_on_with_the_next_one():
    world = World("alpha", "beta")
    failed = came_to(NotProcessed(reason=Reason.NOT_SENT))
    payment_id = await left_behind(world, authenticated, started, failed)
    async with world.engine() as aegis:
        await elapse(1)
        payment = await aegis.get_payment(payment_id)
    assert payment.state is PaymentState.SUCCESS
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha", "beta"]


@pytest.mark.parametrize("was_charged", [False, True])
@virtual
async def test_a_payment_interrupted_in_its_charge_is_asked_about_and_charged_once(was_charged):
    world = World("alpha", "beta", latency_s=1.0)
    async with world.engine(shutdown_s=0.1) as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(0.5)
    with pytest.raises(Exception, match="closed"):
        await paying
    (payment,) = await stored(world)
    assert payment.state is PaymentState.PROCESSING
    if was_charged:
        attempt = payment.attempts[0]
        await charge_behind_our_back(world, payment, attempt)
    async with world.engine() as aegis:
        await elapse(60)
        found = await aegis.get_payment(payment.id)
    assert found.state is PaymentState.SUCCESS
    assert found.attempts[0].idempotency_key == payment.attempts[0].idempotency_key
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_check_whose_answer_arrives_when_it_is_due_is_not_made_twice():
    world = World(latency_s=1.0)
    payment_id = await left_behind(world, authenticated, started)
    async with world.engine(wake_interval_s=1.0) as aegis:
        await elapse(10)
        assert (await aegis.get_payment(payment_id)).state is PaymentState.SUCCESS
    # One look-up, which finds nothing, and one resend.
    assert world["alpha"].calls == 2


async def stored(world):
    page = await world.store.list_payments(PaymentQuery())
    return [rebuild(row.payment_id, await world.store.load(row.payment_id)) for row in page.rows]


async def charge_behind_our_back(world, payment, attempt):
    request = ChargeRequest(
        payment_id=payment.id,
        reference=attempt.operation_id,
        idempotency_key=attempt.idempotency_key,
        money=payment.money,
        payment_method=payment.payment_method,
        customer=None,
        metadata={},
        capture=CaptureMode.AUTOMATIC,
        timeout_s=30,
    )
    await world["alpha"].charge(request)


@virtual
async def test_a_payment_in_doubt_keeps_its_timer_through_a_restart():
    world = World("alpha", "beta")
    async with world.engine(check_delays_s=(50,)) as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
        assert payment.in_doubt
    await elapse(20)
    async with world.engine(check_delays_s=(50,)) as aegis:
        await elapse(20)
        assert (await aegis.get_payment(payment.id)).in_doubt
        await elapse(15)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_payments_in_doubt_that_are_not_due_are_not_parked_by_many_restarts():
    world = World()
    async with world.engine(check_delays_s=(10_000,)) as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
    for _ in range(12):
        async with world.engine(recoveries_max=3) as aegis:
            await elapse(2)
            assert (await aegis.health()).parked == ()
            assert (await aegis.health()).recovering == 0
    async with world.engine() as aegis:
        await elapse(10_001)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS


@virtual
async def test_payments_in_doubt_do_not_keep_the_others_from_being_recovered():
    world = World()
    async with world.engine(check_delays_s=(10_000,)) as aegis:
        for n in range(3):
            assert (await aegis.pay(**order(f"doubt-{n}", token="tok_error_before_charge"))).in_doubt
    late = [await left_behind(world, authenticated, key=f"late-{n}") for n in range(5)]
    async with world.engine(recovery_concurrency=1) as aegis:
        await elapse(5)
        states = [(await aegis.get_payment(payment_id)).state for payment_id in late]
    assert states == [PaymentState.SUCCESS] * 5


@virtual
async def test_a_payment_that_never_survives_its_recovery_is_parked_after_the_limit():
    world = World()
    payment_id = await left_behind(world, authenticated)
    for _ in range(4):
        await world.store.begin_recoveries([payment_id])
    async with world.engine(recoveries_max=3) as aegis:
        await elapse(1)
        (parked,) = (await aegis.health()).parked
        assert parked.payment_id == payment_id
        assert "recoveries" in parked.cause
        with pytest.raises(PaymentParkedError, match=payment_id):
            await aegis.process_payment(payment_id)
        assert (await aegis.get_payment(payment_id)).is_parked
        assert [p.id for p in (await aegis.list_payments(parked=True)).payments] == [payment_id]
        assert world["alpha"].calls == 0
        await aegis.unpark_payment(payment_id, operator="ops@example.com")
        await elapse(1)
        assert (await aegis.get_payment(payment_id)).state is PaymentState.SUCCESS
        assert (await aegis.health()).parked == ()


@virtual
async def test_surviving_a_recovery_resets_the_count():
    world = World()
    payment_id = await left_behind(world, authenticated)
    await world.store.begin_recoveries([payment_id])
    async with world.engine() as aegis:
        await elapse(1)
        assert (await aegis.health()).recovering == 0
    assert (await world.store.begin_recoveries([payment_id]))[payment_id] == 1


@virtual
async def test_a_crowd_of_unfinished_payments_is_recovered_some_at_a_time():
    world = World(latency_s=1.0)
    for n in range(12):
        await left_behind(world, authenticated, key=f"order-{n}")
    async with world.engine(recovery_concurrency=4) as aegis:
        await elapse(0.5)
        health = await aegis.health()
        assert (health.calls, health.recovering) == (4, 12)
        await elapse(3)
        health = await aegis.health()
        assert (health.calls, health.recovering) == (0, 0)
        assert health.states == {PaymentState.SUCCESS: 12}
    assert len(world.charges()) == 12


@virtual
async def test_recovery_goes_on_when_the_store_works_again():
    world = World(latency_s=1.0)
    for n in range(6):
        await left_behind(world, authenticated, key=f"order-{n}")
    begin, failures = world.store.begin_recoveries, [False, True, True]

    async def begin_or_fail(payment_ids):
        if failures and failures.pop(0):
            raise StoreUnavailableError("full")
        return await begin(payment_ids)

    world.store.begin_recoveries = begin_or_fail
    async with world.engine(recovery_concurrency=2) as aegis:
        await elapse(30)
        health = await aegis.health()
    assert failures == []
    assert health.states == {PaymentState.SUCCESS: 6}
    assert health.recovering == 0


@virtual
async def test_recovering_twice_changes_nothing_more():
    world = World()
    payment_id = await left_behind(world, authenticated)
    async with world.engine():
        await elapse(1)
    events = await world.store.load(payment_id)
    async with world.engine():
        await elapse(5)
    assert await world.store.load(payment_id) == events
    assert world["alpha"].calls == 1


@virtual
async def test_reopening_makes_no_gateway_call_for_finished_payments():
    world = World()
    async with world.engine() as aegis:
        for token in ("tok_visa", "tok_declined"):
            await aegis.pay(**order(token, token=token))
    calls = world["alpha"].calls
    async with world.engine():
        await elapse(30)
    assert world["alpha"].calls == calls


@virtual
async def test_a_payment_whose_gateway_is_gone_stays_in_doubt_and_harms_nobody():
    world = World("alpha")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
    other = World("beta")
    other.store = world.store
    async with other.engine() as aegis:
        await elapse(100)
        found = await aegis.get_payment(payment.id)
        assert (found.state, found.in_doubt) == (PaymentState.PROCESSING, True)
        assert (await aegis.pay(**order("order-2"))).state is PaymentState.SUCCESS
        assert (await aegis.health()).parked == ()
    async with world.engine() as aegis:
        await elapse(1_000)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_challenge_nobody_passes_ends_the_payment_at_its_deadline_also_when_closed():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_requires_action"))
    await elapse(16 * 60)
    async with world.engine() as aegis:
        await elapse(2)
        found = await aegis.get_payment(payment.id)
    assert found.state is PaymentState.FAILURE
    assert found.failure is not None
    assert found.failure.reason is Reason.ACTION_EXPIRED
    assert [attempt.status for attempt in found.attempts] == [AttemptStatus.FAILED]


@virtual
async def test_a_started_attempt_at_a_gateway_without_look_up_and_keys_waits_for_a_person():
    contract = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None)
    world = World("alpha", "beta", contract=contract)
    payment_id = await left_behind(world, authenticated, started)
    async with world.engine() as aegis:
        await elapse(300)
        found = await aegis.get_payment(payment_id)
    assert (found.state, found.in_doubt) == (PaymentState.PROCESSING, True)
    assert (world["alpha"].calls, world["beta"].calls) == (0, 0)
