"""Hooks that hear what has happened."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.hooks import Measurement, Review, telling
from tests.integration.engine.rig import World, elapse, order, virtual


@virtual
async def test_a_listener_hears_every_event_of_a_payment_in_order_after_it_is_on_disk():
    world = World()
    engine, heard = world.engine(), []

    @engine.hooks.event_listener()
    async def listen(context):
        on_disk = await world.store.load(context.payment.id)
        assert on_disk[context.version - 1].event == context.event
        heard.append((context.event_id, context.event.type.value))

    async with engine as aegis:
        payment = await aegis.pay(**order())
        await aegis.refund_payment(payment.id, idempotency_key="r")
    stored = await world.store.load(payment.id)
    assert heard == [(each.event_id, each.event.type.value) for each in stored]
    assert len(heard) == 7
    assert engine.hooks.list()[0].failed == 0


@virtual
async def test_a_listener_hears_only_the_events_it_named():
    world = World()
    engine, heard = world.engine(), []
    engine.hooks.event_listener("payment.succeeded", "payment.failed", name="ends", is_quick=True)(
        lambda context: heard.append(context.event.type.value)
    )
    async with engine as aegis:
        await aegis.pay(**order("a"))
        await aegis.pay(**order("b"))
    assert heard == ["payment.succeeded", "payment.succeeded"]


@virtual
async def test_a_slow_listener_delays_no_payment_and_still_hears_everything_in_order():
    world = World()
    engine, heard = world.engine(shutdown_s=60), []

    @engine.hooks.event_listener("payment.succeeded", deadline_s=5)
    async def slow(context):
        await elapse(1)
        heard.append(context.payment.idempotency_key)

    async with engine as aegis:
        began = world.clock.monotonic()
        keys = [f"order-{number}" for number in range(10)]
        for key in keys:
            await aegis.pay(**order(key))
        assert world.clock.monotonic() - began < 1
    assert heard == keys


@virtual
async def test_what_a_listener_raises_is_logged_with_its_name_and_the_next_event_is_told(caplog):
    world = World()
    engine, heard = world.engine(), []

    @engine.hooks.event_listener("payment.succeeded", is_quick=True)
    def raises(context):
        heard.append(context.payment.idempotency_key)
        raise RuntimeError("4242 4242 4242 4242")

    async with engine as aegis:
        await aegis.pay(**order("a"))
        await aegis.pay(**order("b"))
    assert heard == ["a", "b"]
    assert "hook='raises'" in caplog.text
    assert "raised RuntimeError" in caplog.text
    assert "4242" not in caplog.text


@virtual
async def test_a_listener_that_always_raises_is_counted_and_does_not_fill_the_log(caplog):
    world = World()
    engine = world.engine()
    engine.hooks.event_listener(name="broken", is_quick=True)(lambda context: 1 / 0)
    async with engine as aegis:
        for number in range(20):
            await aegis.pay(**order(f"order-{number}"))
        await elapse(1)
        (report,) = aegis.hooks.list()
    assert (report.called, report.failed) == (80, 80)
    assert caplog.text.count("hook_failed") == 1


@virtual
async def test_what_a_listener_cannot_take_is_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(telling, "QUEUE_MAX", 3)
    world, go = World(), asyncio.Event()
    engine, heard = world.engine(), []

    @engine.hooks.event_listener("payment.succeeded", deadline_s=30)
    async def stuck(context):
        await go.wait()
        heard.append(context.payment.idempotency_key)

    async with engine as aegis:
        for number in range(10):
            await aegis.pay(**order(f"order-{number}"))
        (report,) = aegis.hooks.list()
        assert report.dropped == 6
        go.set()
    assert heard == ["order-0", "order-1", "order-2", "order-3"]


@virtual
async def test_closing_gives_up_a_listener_that_does_not_end():
    world = World()
    engine = world.engine(shutdown_s=2)

    @engine.hooks.event_listener(deadline_s=30)
    async def hangs(context):
        await asyncio.get_running_loop().create_future()

    async with engine as aegis:
        await aegis.pay(**order())
        began = world.clock.monotonic()
    assert world.clock.monotonic() - began <= 4.5


@virtual
async def test_a_review_is_heard_of_when_it_is_parked_and_when_it_is_decided():
    world = World()
    engine, heard = world.engine(), []
    engine.hooks.fraud_check(name="odd", on_failure="closed", is_quick=True)(lambda context: Review("odd"))
    engine.hooks.event_listener(name="ear", is_quick=True)(lambda context: heard.append(context.event.type.value))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        await aegis.review_payment(payment.id, "refuse", operator="ann", reason="no")
    assert heard == await world.types(payment.id)
    assert heard[-3:] == ["payment.parked", "payment.unparked", "payment.failed"]


# --- metrics ----------------------------------------------------------------------------------------


@virtual
async def test_a_collector_gets_numbers_with_units_and_what_they_belong_to():
    world = World()
    engine, measured = world.engine(), []
    engine.hooks.metrics_collector(name="statsd", is_quick=True)(measured.append)
    async with engine as aegis:
        payment = await aegis.pay(**order())
        await aegis.refund_payment(payment.id, idempotency_key="r", amount="30.00")
    assert all(isinstance(each, Measurement) for each in measured)
    assert [(each.name, each.unit) for each in measured] == [
        ("payments", "1"), ("attempts", "1"), ("attempt_seconds", "s"), ("payments_settled", "1"),
        ("payment_seconds", "s"), ("refunded_minor", "minor"),
    ]  # fmt: skip
    assert measured[2].tags == {"gateway": "alpha", "status": "approved"}
    assert measured[3].tags == {"state": "success", "currency": "USD"}
    assert (measured[5].value, measured[5].tags["gateway"]) == (3_000, "alpha")


@pytest.mark.parametrize("token", ["tok_declined", "tok_insufficient_funds"])
@virtual
async def test_a_failure_is_measured_with_its_reason(token):
    world = World()
    engine, measured = world.engine(), []
    engine.hooks.metrics_collector(name="statsd", is_quick=True)(measured.append)
    async with engine as aegis:
        payment = await aegis.pay(**order(token=token))
    settled = next(each for each in measured if each.name == "payments_settled")
    assert settled.tags == {"state": "failure", "currency": "USD", "reason": payment.failure.reason.value}
