"""What operators switch: gateways off and on, breakers open and shut; at once, with a reason, and for good."""

from __future__ import annotations

import pytest

from aegispay import (
    BlockingAegisPay,
    CardDataError,
    MemoryStore,
    PaymentState,
    Reason,
    SimulatedGateway,
    StoreUnavailableError,
    UnknownGatewayError,
    ValidationError,
)
from aegispay.domain.breaker import BreakerScope, BreakerState
from tests.integration.engine.books import authorized, charged, operations
from tests.integration.engine.rig import World, elapse, order, virtual

CLOSED, OPEN, HALF_OPEN = BreakerState


async def pay_many(aegis, name, count, **changes):
    return [await aegis.pay(**order(f"{name}-{n}", **changes)) for n in range(count)]


async def forced(aegis, name="alpha"):
    """Return (operation, state, reason) of the breakers that somebody holds."""
    metrics = await aegis.gateway_metrics(name)
    return [(b.operation.value, b.state.value, b.forced_because) for b in metrics.breakers if b.forced_because]


# --- breakers -------------------------------------------------------------------------------------------


@virtual
async def test_a_breaker_forced_open_sends_payments_elsewhere_until_it_is_reset_and_no_time_changes_it():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        await aegis.force_breaker("alpha", state="open", reason="fraud wave")
        assert {payment.gateway for payment in await pay_many(aegis, "before", 5)} == {"beta"}
        await elapse(7_200)
        metrics = await aegis.gateway_metrics("alpha")
        assert (metrics.breaker, metrics.health, metrics.calls) == (OPEN, 0.0, 0)
        assert metrics.breaker_age_s == pytest.approx(7_200)
        assert await forced(aegis) == [(scope.value, "open", "fraud wave") for scope in BreakerScope]
        assert {payment.gateway for payment in await pay_many(aegis, "later", 5)} == {"beta"}
        await aegis.reset_breaker("alpha")
        assert await forced(aegis) == []
        assert (await aegis.pay(**order("after", gateway="alpha"))).state is PaymentState.SUCCESS


@virtual
async def test_a_breaker_forced_closed_stays_closed_whatever_comes_back():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await aegis.force_breaker("alpha", state="closed", reason="the provider asked for traffic")
        await pay_many(aegis, "fault", 20)
        assert world["alpha"].calls == 20
        assert (await aegis.gateway_metrics("alpha")).breaker is CLOSED
        await aegis.reset_breaker("alpha")
        await pay_many(aegis, "more", 5)
        assert (await aegis.gateway_metrics("alpha")).breaker is OPEN


@virtual
async def test_what_is_forced_survives_restarts_with_its_reason_and_age():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        await aegis.force_breaker("alpha", state="open", reason="audit", operation="charge")
        await aegis.force_breaker("beta", state="closed", reason="no false alarms", operation="refund")
        await elapse(100)
    await elapse(50)
    async with world.engine() as aegis:
        assert await forced(aegis) == [("charge", "open", "audit")]
        assert await forced(aegis, "beta") == [("refund", "closed", "no false alarms")]
        assert (await aegis.gateway_metrics("alpha")).breaker_age_s == pytest.approx(150)
        assert (await aegis.pay(**order())).gateway == "beta"


@virtual
async def test_one_operation_can_be_held_alone():
    world = World("alpha")
    async with world.engine() as aegis:
        payment = await authorized(aegis)
        await aegis.force_breaker("alpha", state=BreakerState.OPEN, reason="x", operation=BreakerScope.VOID)
        assert (await aegis.pay(**order("other"))).state is PaymentState.SUCCESS
        captured = await aegis.capture_payment(payment.id, idempotency_key="c", amount="100.00")
        assert operations(captured) == [("capture", "succeeded", 10_000)]
        held = await authorized(aegis, "order-2")
        cancelled = await aegis.cancel_payment(held.id, idempotency_key="v")
        assert cancelled.operations[-1].failure.reason is Reason.BREAKER_OPEN
        assert cancelled.operations[-1].failure.message == "alpha was not called: breaker open (x)"


@virtual
async def test_a_forced_state_that_cannot_be_kept_is_not_acknowledged():
    world = World("alpha", "beta")
    keep = world.store.save_gateway

    async def full(name, data):
        raise StoreUnavailableError("disk full")

    async with world.engine() as aegis:
        world.store.save_gateway = full
        for switch in (aegis.force_breaker("alpha", state="open", reason="x"), aegis.reset_breaker("alpha")):
            with pytest.raises(StoreUnavailableError, match="disk full"):
                await switch
        world.store.save_gateway = keep


@pytest.mark.parametrize(
    ("arguments", "error", "field"),
    [
        ({"state": "half_open", "reason": "x"}, ValidationError, "state"),
        ({"state": "ajar", "reason": "x"}, ValidationError, "state"),
        ({"state": None, "reason": "x"}, ValidationError, "state"),
        ({"state": "open", "reason": ""}, ValidationError, "reason"),
        ({"state": "open", "reason": "x" * 501}, ValidationError, "reason"),
        ({"state": "open", "reason": "card 4111 1111 1111 1111"}, CardDataError, "reason"),
        ({"state": "open", "reason": "x", "operation": "authorize"}, ValidationError, "operation"),
        ({"state": "open", "reason": "x", "operation": 7}, ValidationError, "operation"),
    ],
)
@virtual
async def test_a_switch_that_makes_no_sense_is_refused_by_name_and_changes_nothing(arguments, error, field):
    world = World("alpha")
    async with world.engine() as aegis:
        with pytest.raises(error, match=field):
            await aegis.force_breaker("alpha", **arguments)
        assert await forced(aegis) == []


@virtual
async def test_switches_of_a_gateway_that_is_not_there_are_refused():
    world = World("alpha")
    async with world.engine() as aegis:
        with pytest.raises(UnknownGatewayError, match=r"'gamma'.*alpha"):
            await aegis.force_breaker("gamma", state="open", reason="x")
        with pytest.raises(UnknownGatewayError, match=r"'gamma'.*alpha"):
            await aegis.reset_breaker("gamma")
        with pytest.raises(ValidationError, match="operation"):
            await aegis.reset_breaker("alpha", operation="lookup")


def test_the_blocking_engine_has_the_same_switches():
    with BlockingAegisPay(MemoryStore(), gateways=[SimulatedGateway("alpha")]) as aegis:
        aegis.force_breaker("alpha", state="open", reason="maintenance", operation="charge")
        assert aegis.pay(**order()).state is PaymentState.FAILURE
        aegis.reset_breaker("alpha", operation="charge")
        assert aegis.pay(**order("order-2")).state is PaymentState.SUCCESS


@virtual
async def test_resetting_forgets_the_faults_that_were_counted():
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 4)
        await aegis.reset_breaker("alpha")
        await pay_many(aegis, "more", 4)
        assert (await aegis.gateway_metrics("alpha")).breaker is CLOSED
        await pay_many(aegis, "last", 1)
        assert (await aegis.gateway_metrics("alpha")).breaker is OPEN


@virtual
async def test_openings_are_counted_one_for_each_and_not_the_calls_that_were_turned_away():
    world = World("alpha")
    async with world.engine(breaker={"open_s": 10}, health_checks={"answers_to_probe": 0}) as aegis:
        world["alpha"].is_up = False
        await pay_many(aegis, "fault", 30)
        await elapse(12)
        await aegis.force_breaker("alpha", state="open", reason="x", operation="refund")
        openings = {b.operation.value: b.openings for b in (await aegis.gateway_metrics("alpha")).breakers}
    assert openings == {"charge": 2, "capture": 0, "void": 0, "refund": 1}


# --- gateways -------------------------------------------------------------------------------------------


@virtual
async def test_a_gateway_switched_off_between_decision_and_call_is_not_called_and_the_payment_goes_elsewhere():
    world = World("alpha", "beta")
    append, off = world.store.append, []

    async with world.engine() as aegis:

        async def late(appended):
            version = await append(appended)
            if not off:
                off.append("alpha")
                await aegis.disable_gateway("alpha", reason="stolen keys")
            return version

        world.store.append = late
        payment = await aegis.pay(**order())
        assert payment.state is PaymentState.SUCCESS
        assert [attempt.gateway for attempt in payment.attempts] == ["alpha", "beta"]
        assert payment.attempts[0].failure.reason is Reason.GATEWAY_DISABLED
        assert payment.attempts[0].failure.message == "alpha was not called: gateway disabled (stolen keys)"
        metrics = await aegis.gateway_metrics("alpha")
    assert world["alpha"].calls == 0
    assert world.charges() == [("beta", 10_000)]
    assert (metrics.refused_by_reason, metrics.faults) == ({Reason.GATEWAY_DISABLED: 1}, 0)


@virtual
async def test_switching_off_is_effective_at_the_next_message():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        for number in range(10):
            name = ("alpha", "beta")[number % 2]
            await aegis.disable_gateway(name, reason="x")
            payment = await aegis.pay(**order(f"p-{number}"))
            assert (payment.gateway, len(payment.attempts)) == (("beta", "alpha")[number % 2], 1)
            await aegis.enable_gateway(name)


@virtual
async def test_money_that_a_switched_off_gateway_holds_can_still_be_returned():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        payment = await charged(aegis)
        await aegis.disable_gateway(payment.gateway, reason="x")
        refunded = await aegis.refund_payment(payment.id, idempotency_key="r")
        assert refunded.state is PaymentState.REFUNDED
