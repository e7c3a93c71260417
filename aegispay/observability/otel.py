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
from aegispay.observability.losses import Losses
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

    What a sampler, a span processor or a view of the host raises ends here: money does not wait for telemetry.

    Args:
        tracer_provider: where spans go; the global one, as it is at each moment, by default.
        meter_provider: where measurements go; the global one by default.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer_provider = tracer_provider
        self._is_silent: tuple[object, bool] = (None, True)
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._meter_provider = meter_provider
        self._losses = Losses()
        self._meters = meters_of(meter_provider, _SCOPE)

    @property
    def is_tracing(self) -> bool:
        """Whether there is an SDK that may want spans."""
        provider = trace.get_tracer_provider() if self._tracer_provider is None else self._tracer_provider
        known, is_silent = self._is_silent
        if known is not provider:
            is_silent = isinstance(provider, _SILENT)
            self._is_silent = (provider, is_silent)
        return not is_silent

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
        parent: str | Span | None = None,
        links: Sequence[str] = (),
    ) -> OtelSpan:
        """Begin a span; see `Export.start`."""
        context = _context_of(parent)
        try:
            span = self._tracer.start_span(
                name,
                context=context,
                kind=_KINDS[direction],
                attributes=attributes,
                links=[Link(found) for found in map(_span_context, links) if found is not None] if links else None,
            )
        except Exception as error:  # noqa: BLE001 - the host's, whatever it is
            self._losses.note("span started", error)
            # Whoever it belongs to is passed on in its place.
            span = NonRecordingSpan(trace.get_current_span(context).get_span_context())
        return OtelSpan(span, self._losses)

    def current(self) -> str | None:
        """Return the traceparent of the caller's current span, if there is one."""
        return _traceparent(trace.get_current_span().get_span_context())

    def record(self, name: str, value: float, attributes: Mapping[str, str], span: Span | None = None) -> None:
        """Take in a histogram's value."""
        context = span.within if isinstance(span, OtelSpan) else _NOWHERE
        try:
            self._meters.histograms[name].record(value, attributes, context)
        except Exception as error:  # noqa: BLE001 - the host's, whatever it is
            self._losses.note("measured", error)


class OtelSpan:
    """One span of OpenTelemetry."""

    __slots__ = ("_losses", "_span", "_traceparent", "_within")

    def __init__(self, span: trace.Span, losses: Losses) -> None:
        self._span = span
        self._losses = losses
        self._traceparent: str | None = None
        self._within: otel_context.Context | None = None

    @property
    def traceparent(self) -> str | None:
        """What continues the trace elsewhere, in W3C's form."""
        if self._traceparent is None:
            self._traceparent = _traceparent(self._span.get_span_context())
        return self._traceparent

    @property
    def within(self) -> otel_context.Context:
        """A context of OpenTelemetry in which this span is the current one, and nothing else of the caller's is."""
        if self._within is None:
            self._within = trace.set_span_in_context(self._span, otel_context.Context())
        return self._within

    @property
    def is_recorded(self) -> bool:
        """Whether anything told to it is kept."""
        return self._span.is_recording()

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
        try:
            self._span.set_attribute(name, value)
        except Exception as error:  # noqa: BLE001 - the host's, whatever it is
            self._losses.note("span told", error)

    def note(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        """Add what happened at this moment."""
        try:
            self._span.add_event(name, attributes)
        except Exception as error:  # noqa: BLE001 - the host's, whatever it is
            self._losses.note("span told", error)

    def end(self, *, error: str = "") -> None:
        """End it; an error is named by its kind."""
        try:
            if error:
                self._span.set_attribute("error.type", error)
                self._span.set_status(Status(StatusCode.ERROR, error))
            self._span.end()
        except Exception as lost:  # noqa: BLE001 - the host's, whatever it is
            self._losses.note("span ended", lost)


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


def _context_of(parent: str | Span | None) -> otel_context.Context | None:
    if isinstance(parent, OtelSpan):
        return parent.within
    return _within(parent) if isinstance(parent, str) else None


def _within(traceparent: str) -> otel_context.Context:
    """Return a context of OpenTelemetry in which the payment's trace goes on, and nothing else of the caller's."""
    found = _span_context(traceparent)
    empty = otel_context.Context()
    return empty if found is None else trace.set_span_in_context(NonRecordingSpan(found), empty)
