"""The host's telemetry raises: nothing that has to do with money notices."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from aegispay import AegisPay
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.observability.otel import OpenTelemetry
from aegispay.observability.tracing import trace_id_of
from aegispay.ports.tracing import outgoing_headers
from tests.integration.engine.consumers import Consumer, status
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual
from tests.integration.engine.traced import Recording


class Raising(SpanProcessor, Sampler):
    """Raises where it is told, once it is armed."""

    def __init__(self, where):
        self.where = where
        self.is_armed = False
        self.raised = 0

    def on_start(self, span, parent_context=None):
        self._raise("start")

    def on_end(self, span):
        self._raise("end")

    def should_sample(self, *arguments, **keywords):
        self._raise("sampler")
        return ALWAYS_ON.should_sample(*arguments, **keywords)

    def get_description(self):
        return "raising"

    def _raise(self, where):
        if self.is_armed and where == self.where:
            self.raised += 1
            raise RuntimeError("the collector is on fire")


@virtual
@pytest.mark.parametrize("where", ["start", "end", "sampler"])
async def test_payments_and_deliveries_go_on_while_tracing_raises(where, caplog):
    world, consumer, raising = World(), Consumer(), Raising(where)
    recording = Recording(sampler=raising)
    recording.tracers.add_span_processor(raising)
    caplog.set_level(logging.WARNING)
    async with AegisPay(world.store, gateways=world.gateways, clock=world.clock, telemetry=recording.export) as aegis:
        await aegis.subscribe("*", consumer, name="mailer", retry=RetrySchedule(delays_s=(), jitter=0.0))
        with recording.caller():
            raising.is_armed = True
            paid = [await aegis.pay(**order(key)) for key in "abc"]
            back = await aegis.refund_payment(paid[0].id, idempotency_key="back")
            await elapse(1)
            raising.is_armed = False
        assert [each.state.value for each in paid] == ["success"] * 3
        assert (back.state.value, back.in_doubt) == ("refunded", False)
        found = await status(aegis, "mailer")
        assert (found.delivered, found.failed, found.dead) == (15, 0, 0)
        assert len(set(consumer.ids)) == len(consumer.ids) == 15
    assert len(world.charges()) == 3
    assert raising.raised >= 10
    lines = [line.getMessage() for line in caplog.records if "telemetry_failed" in line.getMessage()]
    what = "span ended" if where == "end" else "span started"
    assert lines[:2] == [
        f"event='telemetry_failed' what='{what}' error='RuntimeError' failed={failed}" for failed in (1, 10)
    ]
    assert "on fire" not in caplog.text


@virtual
async def test_where_a_span_cannot_begin_the_trace_goes_on_from_the_one_before():
    raising, seen = Raising("start"), []
    recording = Recording()
    recording.tracers.add_span_processor(raising)

    async def charge(request):
        seen.append(outgoing_headers())
        return odd.take(request)

    world, odd = World(), Adapter(charge)
    async with AegisPay(world.store, gateways=[odd], clock=world.clock, telemetry=recording.export) as aegis:
        with recording.caller() as caller:
            raising.is_armed = True
            payment = await aegis.pay(**order())
            raising.is_armed = False
    host = caller.get_span_context()
    assert trace_id_of(payment) == f"{host.trace_id:032x}"
    assert seen == [{"traceparent": f"00-{host.trace_id:032x}-{host.span_id:016x}-{host.trace_flags:02x}"}]


class Burning(MeterProvider):
    """Takes measurements whose histograms raise."""

    def get_meter(self, *arguments, **keywords):
        meter = super().get_meter(*arguments, **keywords)
        create = meter.create_histogram

        def histogram(*given, **named):
            made = create(*given, **named)
            made.record = self._refuse
            return made

        meter.create_histogram = histogram
        return meter

    @staticmethod
    def _refuse(*_arguments, **_keywords):
        raise RuntimeError("the view is broken")


@virtual
async def test_a_payment_goes_on_while_measuring_raises():
    world = World()
    export = OpenTelemetry(Recording().tracers, Burning(shutdown_on_exit=False))
    async with AegisPay(world.store, gateways=world.gateways, clock=world.clock, telemetry=export) as aegis:
        assert (await aegis.pay(**order())).state.value == "success"
    assert len(world.charges()) == 1
