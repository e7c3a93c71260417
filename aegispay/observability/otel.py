"""Spans and measurements through the OpenTelemetry API. It configures nothing: without an SDK, nothing happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    NoOpTracerProvider,
    ProxyTracerProvider,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TracerProvider,
)

from aegispay.observability.families import Source
from aegispay.observability.otel_metrics import meters_of
from aegispay.observability.tracing import AttributeValue, Direction, Span, parse_traceparent
from aegispay.ports.tracing import current_span

_SCOPE = "aegispay"
_KINDS = {
    Direction.INSIDE: SpanKind.INTERNAL,
    Direction.OUT: SpanKind.CLIENT,
    Direction.IN: SpanKind.SERVER,
    Direction.MESSAGE: SpanKind.PRODUCER,
}
_NOWHERE = trace.set_span_in_context(trace.INVALID_SPAN, otel_context.Context())
"""For measurements that belong to no span: an exemplar must not lead to whatever happens to be current."""
_API = "opentelemetry.metrics"
"""Where the meter providers live that measure nothing."""
_SILENT = (ProxyTracerProvider, NoOpTracerProvider)


class OpenTelemetry:
    """The engine's way to OpenTelemetry.

    Args:
        tracer_provider: where spans go; the global one, as it is at each moment, by default.
        meter_provider: where measurements go; the global one by default.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer_provider = tracer_provider
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._meter_provider = meter_provider
        self._meters = meters_of(meter_provider, _SCOPE)

    @property
    def is_tracing(self) -> bool:
        """Whether there is an SDK that may want spans."""
        provider = self._tracer_provider
        return not isinstance(trace.get_tracer_provider() if provider is None else provider, _SILENT)

    @property
    def is_measuring(self) -> bool:
        """Whether there is an SDK that may want measurements."""
        provider = self._meter_provider
        found = type(metrics.get_meter_provider() if provider is None else provider)
        return not found.__module__.startswith(_API)

    def observe(self, source: Source) -> None:
        """Report counters and gauges of this engine whenever a reader asks, for as long as the engine is in memory."""
        self._meters.observe(source)

    def start(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        direction: Direction = Direction.INSIDE,
        parent: str | None = None,
        links: Sequence[str] = (),
    ) -> OtelSpan:
        """Begin a span; see `Export.start`."""
        span = self._tracer.start_span(
            name,
            context=None if parent is None else _within(parent),
            kind=_KINDS[direction],
            attributes=attributes,
            links=[Link(found) for found in map(_span_context, links) if found is not None] if links else None,
        )
        return OtelSpan(span)

    def current(self) -> str | None:
        """Return the traceparent of the caller's current span, if there is one."""
        return _traceparent(trace.get_current_span().get_span_context())

    def record(self, name: str, value: float, attributes: Mapping[str, str], span: Span | None = None) -> None:
        """Take in a histogram's value."""
        context = span.within if isinstance(span, OtelSpan) else _NOWHERE
        self._meters.histograms[name].record(value, attributes, context)


class OtelSpan:
    """One span of OpenTelemetry."""

    __slots__ = ("_span", "_traceparent")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._traceparent: str | None = None

    @property
    def traceparent(self) -> str | None:
        """What continues the trace elsewhere, in W3C's form."""
        if self._traceparent is None:
            self._traceparent = _traceparent(self._span.get_span_context())
        return self._traceparent

    @property
    def within(self) -> otel_context.Context:
        """A context of OpenTelemetry in which this span is the current one, and nothing else of the caller's is."""
        return trace.set_span_in_context(self._span, otel_context.Context())

    def context(self, base: Context | None = None) -> Context:
        """Return context variables, those of `base` or a copy of the current ones, in which this span is current."""
        copied = copy_context() if base is None else base
        copied.run(self._enter)
        return copied

    def _enter(self) -> None:
        otel_context.attach(trace.set_span_in_context(self._span))
        current_span.set(self)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make it the current span of the running code for a while."""
        token = otel_context.attach(trace.set_span_in_context(self._span))
        ours = current_span.set(self)
        try:
            yield
        finally:
            current_span.reset(ours)
            otel_context.detach(token)

    def set(self, name: str, value: AttributeValue) -> None:
        """Add what turned out meanwhile."""
        self._span.set_attribute(name, value)

    def note(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        """Add what happened at this moment."""
        self._span.add_event(name, attributes)

    def end(self, *, error: str = "") -> None:
        """End it; an error is named by its kind."""
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end()


def _traceparent(context: SpanContext) -> str | None:
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _span_context(traceparent: str) -> SpanContext | None:
    parsed = parse_traceparent(traceparent)
    if parsed is None:
        return None
    trace_id, span_id, flags = parsed
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def _within(traceparent: str) -> otel_context.Context:
    """Return a context of OpenTelemetry in which the payment's trace goes on, and nothing else of the caller's."""
    found = _span_context(traceparent)
    empty = otel_context.Context()
    return empty if found is None else trace.set_span_in_context(NonRecordingSpan(found), empty)
