"""What the engine counts, told by the snapshot, by OpenTelemetry and by Prometheus alike."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from aegispay import (
    AegisPay,
    AegisPayConfig,
    BlockingAegisPay,
    Declined,
    DeclineKind,
    MemoryStore,
    NotProcessed,
    OutcomeUnknown,
    Reason,
    SimulatedGateway,
)
from aegispay.observability.prometheus import PrometheusCollector, render
from aegispay.observability.semantics import INSTRUMENTS
from aegispay.observability.tracing import trace_id_of
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual
from tests.integration.engine.traced import Recording, behind


def engine(world, recording=None, **config):
    return AegisPay(
        world.store,
        gateways=world.gateways,
        clock=world.clock,
        config=AegisPayConfig(**config),
        telemetry=None if recording is None else recording.export,
    )


def hard_failure():
    return Declined(kind=DeclineKind.HARD, reason=Reason.STOLEN_CARD)


@virtual
async def test_155_success_success_after_a_retry_and_a_failure_add_up():
    world, number = World(), iter(range(10))

    async def alpha(request):
        match next(number):
            case 0:
                return approval(request)
            case 1:
                return NotProcessed(reason=Reason.NOT_SENT)
            case _:
                await elapse(2.0)
                return hard_failure()

    async def beta(request):
        return approval(request)

    behind(
        world,
        Adapter(alpha, name="alpha", clock=world.clock),
        Adapter(beta, name="beta", clock=world.clock),
    )
    async with engine(world) as aegis:
        for key in ("order-1", "order-2", "order-3"):
            await aegis.pay(**order(key, gateway=None))
        metrics = await aegis.metrics()
        stored = [await world.types(payment.id) for payment in (await aegis.list_payments()).payments]
    assert metrics.payments == {"initiated": 3, "authenticated": 3, "processing": 3, "success": 2, "failure": 1}
    assert metrics.success_rate == pytest.approx(0.667, abs=0.001)
    assert metrics.retried / metrics.payments["initiated"] == pytest.approx(0.333, abs=0.001)
    assert metrics.failures == {"stolen_card": 1}
    assert metrics.attempts == {("alpha", "first"): 3, ("beta", "retry"): 1}
    assert metrics.durations["failure"].total == pytest.approx(2.0, abs=0.1)
    for name, count in metrics.events.items():
        assert sum(types.count(name) for types in stored) == count
    assert sum(metrics.events.values()) == sum(map(len, stored))


@virtual
async def test_calls_are_counted_by_gateway_operation_and_outcome_with_their_latency():
    world = World()

    async def slow(request):
        await elapse(0.3)
        return approval(request)

    behind(world, Adapter(slow, name="odd", clock=world.clock))
    async with engine(world) as aegis:
        payment = await aegis.pay(**order())
        await aegis.refund_payment(payment.id, idempotency_key="refund-1")
        metrics = await aegis.metrics()
    charge, refund = metrics.calls
    assert (charge.gateway, charge.operation, charge.outcome) == ("odd", "charge", "approved")
    assert (refund.gateway, refund.operation, refund.outcome) == ("odd", "refund", "approved")
    assert charge.latency.count == 1
    assert charge.latency.largest == pytest.approx(0.3)
    assert 0.2 < charge.latency.p95 <= charge.latency.largest


@virtual
async def test_a_timeout_is_a_call_of_unknown_outcome_and_its_late_answer_is_not_a_second_one():
    world = World()

    async def late(request):
        try:
            await elapse(1_000)
        except asyncio.CancelledError:
            await elapse(5.0)
        return approval(request)

    behind(world, Adapter(late, name="odd", clock=world.clock))
    async with engine(world) as aegis:
        payment = await aegis.pay(**order())
        await elapse(10.0)
        charges = [each for each in (await aegis.metrics()).calls if each.operation == "charge"]
    assert payment.attempts[0].id
    assert [(each.outcome, each.latency.count) for each in charges] == [("unknown", 1)]


@virtual
async def test_a_settled_doubt_is_counted_with_its_age_and_its_evidence():
    world = World()

    async def found(request):
        return approval(request)

    behind(
        world,
        Adapter(OutcomeUnknown(reason=Reason.TIMEOUT), lookup=found, name="odd", clock=world.clock),
    )
    async with engine(world) as aegis:
        await aegis.pay(**order())
        assert (await aegis.metrics()).doubts.payments == 1
        await elapse(3_600.0)
        metrics = await aegis.metrics()
    assert metrics.doubts.payments == 0
    assert metrics.doubts.resolved_by == {"lookup": 1}
    assert metrics.doubt_durations["lookup"].count == 1
    assert metrics.doubt_durations["lookup"].largest == metrics.doubts.resolution_max_s


@virtual
async def test_gauges_say_what_is_true_now():
    world, began, go_on = World(), asyncio.Event(), asyncio.Event()

    async def slow(request):
        began.set()
        await go_on.wait()
        return approval(request)

    behind(world, Adapter(slow, name="odd", clock=world.clock))
    async with engine(world) as aegis:
        paying = asyncio.ensure_future(aegis.pay(**order()))
        await began.wait()
        during = await aegis.metrics()
        go_on.set()
        await paying
        after = await aegis.metrics()
    assert (during.requests, during.calls_in_flight) == (1, {"odd": 1})
    assert (after.requests, after.calls_in_flight) == (0, {"odd": 0})
    assert after.actors.alive >= 6
    assert after.actors.messages > during.actors.messages
    assert set(after.actors.waiting.values()) == {0}


def test_transactions_of_the_file_are_counted_and_timed(tmp_path):
    async def main():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            before = (await aegis.metrics()).commits
            await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(50)))
            return before, (await aegis.metrics()).commits

    before, after = asyncio.run(main())
    writes = after.size.total - before.size.total
    transactions = after.size.count - before.size.count
    assert writes >= 100
    assert transactions < writes
    assert after.latency.count == after.size.count
    assert after.latency.total > before.latency.total


@virtual
async def test_opentelemetry_is_told_the_same_numbers():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        payment = await aegis.pay(**order())
        await aegis.metrics()
        payments = recording.points("aegispay.payments")
        calls = recording.points("aegispay.gateway.call.duration")
        breakers = recording.points("aegispay.gateway.breaker.state")
    assert {attributes: point.value for attributes, point in payments.items()} == {
        (("state", "initiated"),): 1,
        (("state", "authenticated"),): 1,
        (("state", "processing"),): 1,
        (("state", "success"),): 1,
    }
    ((attributes, point),) = calls.items()
    assert attributes == (("gateway", "alpha"), ("operation", "charge"), ("outcome", "approved"))
    assert point.count == 1
    assert {attributes[1]: point.value for attributes, point in breakers.items()} == {
        ("operation", operation): 0 for operation in ("charge", "capture", "void", "refund")
    }
    assert trace_id_of(payment) is not None


@virtual
async def test_an_exemplar_leads_from_a_latency_to_its_trace():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        await aegis.pay(**order())
        (point,) = recording.points("aegispay.gateway.call.duration").values()
    (exemplar,) = point.exemplars
    span = recording.one("gateway charge")
    assert (exemplar.trace_id, exemplar.span_id) == (span.context.trace_id, span.context.span_id)


@virtual
async def test_readers_of_opentelemetry_see_fresh_gauges_without_anybody_asking_the_engine():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        await aegis.pay(**order())
        await elapse(10.0)
        health = recording.points("aegispay.gateway.health")
    assert list(health) == [(("gateway", "alpha"),)]


@virtual
async def test_no_attribute_of_any_measurement_holds_an_id():
    world, recording = World("alpha", "beta"), Recording()
    async with engine(world, recording) as aegis:
        payments = [await aegis.pay(**order(f"order-{number}")) for number in range(5)]
        for payment in payments:
            await aegis.refund_payment(payment.id, idempotency_key="refund-1")
        await aegis.metrics()
        values = {
            value
            for instrument in INSTRUMENTS
            for attributes in recording.points(instrument.name)
            for _, value in attributes
        }
    assert {"alpha", "success", "charge"} <= values
    assert not [value for value in values if any(payment.id in value or "order-" in value for payment in payments)]


def scraped(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@virtual
async def test_157_prometheus_reads_the_text_of_a_live_engine():
    world = World()
    async with engine(world) as aegis:
        await aegis.pay(**order())
        found = scraped(render(await aegis.metrics()))
    assert found["aegispay_payments_total", "success"] == 1
    assert found["aegispay_gateway_call_duration_seconds_count", "alpha", "approved", "charge"] == 1
    assert found["aegispay_gateway_breaker_state", "alpha", "charge"] == 0
    assert found["aegispay_mailbox_waiting", "payments"] == 0


@virtual
async def test_157_a_registry_scrapes_a_running_engine_without_waiting_for_it():
    world, registry = World(), CollectorRegistry()
    async with engine(world) as aegis:
        registry.register(PrometheusCollector(aegis))
        await aegis.pay(**order())
        await elapse(10.0)
        found = scraped(generate_latest(registry))
    assert found["aegispay_payments_total", "success"] == 1
    assert found["aegispay_gateway_enabled", "alpha"] == 1
    assert scraped(generate_latest(registry))["aegispay_payments_total", "success"] == 1


def test_157_a_blocking_engine_is_scraped_from_another_thread():
    registry = CollectorRegistry()
    with BlockingAegisPay(MemoryStore(), gateways=[SimulatedGateway("alpha")]) as aegis:
        registry.register(PrometheusCollector(aegis))
        aegis.pay(**order())
        aegis.metrics()
        found = scraped(generate_latest(registry))
    assert found["aegispay_payments_total", "success"] == 1
    assert found["aegispay_gateway_enabled", "alpha"] == 1


@virtual
async def test_two_engines_of_one_process_are_exported_together():
    recording = Recording()
    worlds = [World(), World()]
    engines = [engine(world, recording) for world in worlds]
    for aegis in engines:
        async with aegis:
            await aegis.pay(**order())
    values = {attributes: point.value for attributes, point in recording.points("aegispay.payments").items()}
    assert values[("state", "success"),] == 2
