"""Looking at a running engine: health, metrics, the supervision tree, how objects show themselves."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import BlockingAegisPay, EngineFailedError, MemoryStore, PaymentState, SimulatedGateway
from tests.integration.engine.rig import World, elapse, order, virtual


@virtual
async def test_health_counts_everything_exactly():
    world = World("alpha", "beta", latency_s=2.0)
    async with world.engine() as aegis:
        await aegis.create_payment(**order("created"))
        await aegis.pay(**order("paid"))
        await aegis.pay(**order("declined", token="tok_declined"))
        running = [asyncio.create_task(aegis.pay(**order(f"running-{n}"))) for n in range(3)]
        await elapse(1)
        health = await aegis.health()
        assert health.is_healthy
        assert health.states == {
            PaymentState.INITIATED: 1,
            PaymentState.SUCCESS: 1,
            PaymentState.FAILURE: 1,
            PaymentState.PROCESSING: 3,
        }
        assert (health.in_flight, health.calls, health.actors) == (3, 3, 6)
        assert (health.parked, health.recovering) == ((), 0)
        assert [metrics.name for metrics in health.gateways] == ["alpha", "beta"]
        await asyncio.gather(*running)
        health = await aegis.health()
        assert (health.in_flight, health.calls) == (0, 0)


@virtual
async def test_an_engine_without_a_working_gateway_is_not_healthy():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        await aegis.disable_gateway("alpha", reason="x")
        assert (await aegis.health()).is_healthy
        world["beta"].is_up = False
        for n in range(5):
            await aegis.pay(**order(f"p-{n}"))
        assert not (await aegis.health()).is_healthy
        await aegis.enable_gateway("alpha")
        assert (await aegis.health()).is_healthy


@virtual
async def test_the_tree_shows_every_supervisor_and_gateway():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        await aegis.pay(**order())
        await aegis.register_gateway(SimulatedGateway("gamma", clock=world.clock))
        tree = await aegis.supervision_tree()
    lines = [line.lstrip("├└│─ ").split(" ")[0] for line in tree.render().splitlines()]
    assert lines == [
        "root",
        "router",
        "gateways",
        "gateway:alpha",
        "gateway:beta",
        "gateway:gamma",
        "payments",
        "scheduler",
        "subscribers",
    ]
    assert "[1 alive, 0 crashed lately]" in tree.render()
    assert "restarts=" not in tree.render()


@virtual
async def test_the_tree_shows_who_crashed():
    world = World()
    async with world.engine() as aegis:
        crashes = [True]

        def crash(point):
            if crashes and crashes.pop():
                raise RuntimeError("once")

        world.store.faults = crash
        payment = await aegis.pay(**order())
        assert payment.state is PaymentState.SUCCESS
        tree = (await aegis.supervision_tree()).render()
    assert f"{payment.id} (crashed lately) ready restarts=1" in tree
    assert "1 crashed lately" in tree


@virtual
async def test_a_gateway_that_was_registered_stays_registered_through_a_crash_of_its_supervisor():
    world = World("alpha")
    async with world.engine() as aegis:
        await aegis.register_gateway(SimulatedGateway("late", ledger=world.ledger, clock=world.clock))
        assembly = aegis._assembly
        assembly.system.restart(assembly.system.find("gateways"))
        await elapse(2)
        assert (await aegis.pay(**order(gateway="late"))).state is PaymentState.SUCCESS
        assert [metrics.name for metrics in await aegis.gateway_metrics()] == ["alpha", "late"]


@virtual
async def test_a_common_cause_that_crashes_many_payments_stops_the_engine_with_its_name():
    world = World()
    async with world.engine(common_cause_max=5) as aegis:

        def crash(point):
            raise ZeroDivisionError

        world.store.faults = crash
        calls = (aegis.pay(**order(f"p-{n}")) for n in range(40))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(answer, Exception) for answer in answers)
        world.store.faults = None
        await elapse(120)
        with pytest.raises(EngineFailedError, match="gave up") as caught:
            await aegis.pay(**order("later"))
        assert "open a new engine" in caught.value.hint
    async with world.engine() as again:
        assert (await again.pay(**order("later"))).state is PaymentState.SUCCESS


@virtual
async def test_the_engine_shows_itself():
    world = World("alpha", "beta")
    aegis = world.engine()
    assert repr(aegis) == "<AegisPay closed>"
    async with aegis:
        assert repr(aegis) == "<AegisPay open gateways=[alpha, beta] in_flight=0>"
    blocking = BlockingAegisPay(MemoryStore())
    assert repr(blocking) == "<BlockingAegisPay closed>"


@virtual
async def test_a_payment_shows_no_token_and_no_person():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_secret", customer={"id": "c-1", "email": "pat@example.com"}))
    shown = f"{payment!r} {payment} {payment.request.payment_method!r} {payment.customer!r}"
    assert "tok_secret" not in shown
    assert "pat@example.com" not in shown
    assert repr(payment) == f"<Payment {payment.id} success 100.00 USD v4>"
