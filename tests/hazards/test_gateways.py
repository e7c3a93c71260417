"""Hazards of gateways' breakers and health: F1-F5 of docs/hazards.md, and an order to call that arrives twice."""

from __future__ import annotations

import asyncio

import pytest

import aegispay.registry
from aegispay import GatewayContract, NotSentError, OutcomeUnknown, PaymentState, Reason
from aegispay.actors.gateway import GatewayActor, PlaceCall
from aegispay.domain.breaker import BreakerPolicy, BreakerState
from aegispay.gateways.script import DECLINES
from tests.integration.engine.books import charged
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

CLOSED, OPEN, HALF_OPEN = BreakerState


async def pay_many(aegis, name, count, **changes):
    return [await aegis.pay(**order(f"{name}-{n}", **changes)) for n in range(count)]


async def states(aegis, name="alpha"):
    return {each.operation.value: each.state for each in (await aegis.gateway_metrics(name)).breakers}


# --- F1: restarts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pause_s", "state"), [(30.0, OPEN), (100.0, HALF_OPEN), (1e6, HALF_OPEN)])
@virtual
async def test_f1_an_open_breaker_is_restored_with_its_age_and_never_closed(pause_s, state):
    world = World("alpha")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        await pay_many(aegis, "fault", 5)
    await elapse(pause_s)
    async with world.engine() as aegis:
        assert (await states(aegis))["charge"] is state


@virtual
async def test_f1_the_breakers_of_operations_and_the_faults_they_have_counted_survive_as_well():
    world = World("alpha")
    async with world.engine() as aegis:
        for number in range(4):
            payment = await charged(aegis, f"order-{number}")
            world["alpha"].is_up = False
            await aegis.refund_payment(payment.id, idempotency_key="r")
            world["alpha"].is_up = True
        assert set((await states(aegis)).values()) == {CLOSED}
        last = await charged(aegis, "last")
    async with world.engine() as aegis:
        world["alpha"].is_up = False
        await aegis.refund_payment(last.id, idempotency_key="r")
        assert await states(aegis) == {"charge": CLOSED, "capture": CLOSED, "void": CLOSED, "refund": OPEN}


# --- F2: stampedes --------------------------------------------------------------------------------------


class Recovering:
    """A gateway that comes back; it counts how many charges it has at work at once."""

    def __init__(self, took_s):
        self.is_down = True
        self.running = 0
        self.most = 0
        self.took_s = took_s
        self.adapter = Adapter(self.charge, name="alpha", health_s=0.1)

    async def charge(self, request):
        if self.is_down:
            raise NotSentError("down")
        self.running += 1
        self.most = max(self.most, self.running)
        await elapse(self.took_s)
        self.running -= 1
        return approval(request)


@pytest.mark.parametrize("crashes", [False, True])
@virtual
async def test_f2_no_more_than_the_allowed_probes_are_under_way_also_after_a_crash_of_the_gateways_actor(crashes):
    world = World()
    world.gateways.clear()
    alpha = Recovering(took_s=20.0)
    async with world.engine(alpha.adapter, breaker=BreakerPolicy(probes_max=2, successes_to_close=5)) as aegis:
        await pay_many(aegis, "fault", 5)
        alpha.is_down = False
        await elapse(62)
        paying = []
        for wave in range(30):
            paying += [asyncio.create_task(aegis.pay(**order(f"p-{wave}-{n}"))) for n in range(10)]
            await elapse(0.5)
            if crashes and wave % 10 == 5:
                aegis._assembly.system.find("gateway:alpha").tell(PlaceCall(None))
            assert alpha.running == 2
        await asyncio.gather(*paying)
        assert alpha.most == 2


@virtual
async def test_f2_payments_that_find_every_probe_taken_lose_no_attempt_over_it():
    world = World("beta")
    alpha = Recovering(took_s=20.0)
    world.gateways.insert(0, alpha.adapter)
    async with world.engine(breaker=BreakerPolicy(probes_max=1, failures_max=2)) as aegis:
        await pay_many(aegis, "fault", 2, gateway="alpha")
        alpha.is_down = False
        await elapse(62.5)
        probe = asyncio.create_task(aegis.pay(**order("probe", gateway="alpha")))
        await elapse(0.1)
        await aegis.disable_gateway("beta", reason="x")
        turned_away = await pay_many(aegis, "other", 3)
        assert {payment.attempts for payment in turned_away} == {()}
        assert {payment.failure.reason for payment in turned_away} == {Reason.NO_ELIGIBLE_GATEWAY}
        assert (await probe).state is PaymentState.SUCCESS


# --- F3: nobody left ------------------------------------------------------------------------------------


@virtual
async def test_f3_with_all_gateways_open_each_of_a_thousand_payments_is_answered_at_once_and_nothing_waits():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        for name in ("alpha", "beta"):
            await aegis.force_breaker(name, state="open", reason="provider incident")
        before = world.clock.monotonic()
        payments = await asyncio.gather(*(aegis.pay(**order(f"p-{number}")) for number in range(1_000)))
        assert world.clock.monotonic() == before
        assert {(payment.state, payment.failure.reason, payment.attempts) for payment in payments} == {
            (PaymentState.FAILURE, Reason.NO_ELIGIBLE_GATEWAY, ())
        }
        health = await aegis.health()
        assert (health.in_flight, health.calls, health.is_healthy) == (0, 0, False)
    assert world["alpha"].calls == world["beta"].calls == 0


# --- F4, F5: whose fault --------------------------------------------------------------------------------


@virtual
async def test_f4_no_kind_of_decline_moves_breaker_or_score():
    world = World("alpha")
    async with world.engine() as aegis:
        before = (await aegis.gateway_metrics("alpha")).health
        for token in DECLINES:
            await pay_many(aegis, token, 6, token=token)
        metrics = await aegis.gateway_metrics("alpha")
        assert metrics.faults == 0
        assert metrics.success_rate == 1.0
        assert metrics.health == pytest.approx(before, abs=0.001)
        assert set((await states(aegis)).values()) == {CLOSED}
        assert metrics.declines > 6
        assert metrics.approvals == 0.0


@virtual
async def test_f5_a_gateway_that_never_answers_loses_its_score_and_its_breaker_opens():
    async def silent(_request):
        await elapse(1_000)

    world = World()
    world.gateways.clear()
    contract = GatewayContract(timeout_s=2.0)
    odd = Adapter(silent, lookup=OutcomeUnknown(reason=Reason.TIMEOUT), name="odd", contract=contract)
    async with world.engine(odd) as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"p-{number}")) for number in range(5)))
        assert {payment.in_doubt for payment in payments} == {True}
        metrics = await aegis.gateway_metrics("odd")
        assert metrics.faults >= 5
        assert (metrics.breaker, metrics.health) == (OPEN, 0.0)


# --- an order to call that arrives twice ----------------------------------------------------------------


@virtual
async def test_an_order_to_send_a_charge_that_arrives_again_later_is_not_carried_out_again(monkeypatch):
    """The first was surely not sent, so the payment went on to the next gateway: the copy would charge as well."""
    orders = []

    class Listening(GatewayActor):
        def on_receive(self, message):
            if isinstance(message, PlaceCall):
                orders.append(message)
            return super().on_receive(message)

    monkeypatch.setattr(aegispay.registry, "GatewayActor", Listening)
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        world["alpha"].is_up = False
        payment = await aegis.pay(**order())
        assert [attempt.gateway for attempt in payment.attempts] == ["alpha", "beta"]
        world["alpha"].is_up = True
        for name in ("alpha", "beta"):
            for copy in orders:
                aegis._assembly.system.find(f"gateway:{name}").tell(copy)
        await elapse(60)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
    assert world.charges(payment.id) == [("beta", 10_000)]
