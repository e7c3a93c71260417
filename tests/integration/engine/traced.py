"""An engine whose spans and measurements end up in memory, read through OpenTelemetry's own SDK."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aegispay.observability.otel import OpenTelemetry


class Recording:
    """What an SDK was told; hand `export` to an engine."""

    def __init__(self, sampler: Any = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.export = OpenTelemetry(self.tracers, self.meters)

    @property
    def spans(self) -> list[Any]:
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Any:
        (span,) = self.named(name)
        return span

    def of_payment(self, payment_id: str) -> list[Any]:
        return [span for span in self.spans if span.attributes.get("aegispay.payment.id") == payment_id]

    def caller(self, name: str = "checkout"):
        """Return a span of the host's own, as current span."""
        return self.tracers.get_tracer("host").start_as_current_span(name)

    def points(self, name: str) -> dict[tuple[tuple[str, str], ...], Any]:
        """Return the data points of an instrument, by attributes."""
        data = self._reader.get_metrics_data()
        return {
            tuple(sorted(point.attributes.items())): point
            for resource in ([] if data is None else data.resource_metrics)
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        }


def hex_id(span: ReadableSpan) -> str:
    return trace.format_trace_id(span.context.trace_id)


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else trace.format_span_id(span.parent.span_id)


def id_of(span: ReadableSpan) -> str:
    return trace.format_span_id(span.context.span_id)


def behind(world: Any, *gateways: Any) -> None:
    """Have the world's engine work with these gateways."""
    world.gateways[:] = gateways
