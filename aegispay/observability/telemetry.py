"""The one seam through which the engine says what it does: counted always, traced when somebody traces."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from aegispay.domain.events import Event
from aegispay.domain.evidence import Evidence
from aegispay.domain.payment import Payment
from aegispay.domain.state import PaymentState
from aegispay.errors import StoreError
from aegispay.log import log_report
from aegispay.observability import semantics as s
from aegispay.observability.delivering import Delivering
from aegispay.observability.recorder import Recorder
from aegispay.observability.snapshot import NOTHING, EngineMetrics
from aegispay.observability.tracing import (
    AttributeValue,
    Direction,
    Ending,
    Export,
    NoExport,
    Span,
    is_sampled,
    trace_id,
)
from aegispay.ports import StoredEvent
from aegispay.supervision.report import Report

_TRACES_KEPT = 10_000
"""Payments whose trace is in memory; of others it is read from their first event."""

_COMMITS = {state: f"commit ({state.value})" for state in PaymentState}
_FAILED_COMMIT = "commit failed"

Tell = Callable[[Payment, Sequence[Event]], None]
"""Passes on what was committed."""
Find = Callable[[str], Awaitable[str | None]]
"""Reads a payment's trace from its log."""


class Telemetry:
    """What happens inside one engine.

    Args:
        export: where spans and measurements go as well; nowhere by default.
    """

    def __init__(self, export: Export | None = None) -> None:
        self._export: Export = NoExport() if export is None else export
        self.recorder = Recorder()
        self.gauges: EngineMetrics = NOTHING
        self._was_read = False
        self._commands: dict[str, Span] = {}
        self._traces: OrderedDict[str, str] = OrderedDict()
        self._export.observe(self)

    @property
    def is_read(self) -> bool:
        """Whether somebody reads the gauges, or is going to."""
        return self._was_read or self._export.is_measuring

    def latest(self) -> EngineMetrics:
        """Return counts as they are, and gauges as they were lately; from any thread."""
        self._was_read = True
        return self.recorder.fill(self.gauges)

    # --- counting -----------------------------------------------------------------------------------

    def committed(self, payment: Payment, events: Sequence[Event]) -> None:
        """A payment has written events."""
        ended = self.recorder.committed(payment, events)
        trace = payment.trace
        if trace is not None:
            self._remember(payment.id, trace)
        if ended is not None:
            seconds, (state,) = ended
            span = None if trace is None else self._commands.get(payment.id)
            self._export.record(s.PAYMENT_DURATION.name, seconds, {"state": state}, span)

    def also(self, tell: Tell) -> Tell:
        """Return a function that counts what was committed before it passes it on."""

        def count_and_tell(payment: Payment, events: Sequence[Event]) -> None:
            self.committed(payment, events)
            tell(payment, events)

        return count_and_tell

    def batch_committed(self, size: int, duration_s: float) -> None:
        """The store has written a transaction."""
        self.recorder.batch_committed(size, duration_s)
        self._export.record(s.COMMIT_SIZE.name, size, {})
        self._export.record(s.COMMIT_DURATION.name, duration_s, {})

    def doubt_ended(self, duration_s: float, evidence: Evidence) -> None:
        """What was in doubt is settled."""
        self.recorder.doubt_duration.record(duration_s, (evidence.value,))
        self._export.record(s.DOUBT_DURATION.name, duration_s, {"evidence": evidence.value})

    def repeated(self, *, is_same: bool) -> None:
        """A request has come under a key that was known."""
        self.recorder.repetitions.add(("same",) if is_same else ("conflict",))

    def reported(self, report: Report) -> None:
        """A supervisor saw or did something: it is logged as well."""
        log_report(report)
        self.recorder.reported(report)

    # --- gateway calls ------------------------------------------------------------------------------

    def call_started(
        self, trace: str | None, gateway: str, operation: str, *, payment_id: str, reference: str, purpose: str
    ) -> Span | None:
        """A gateway is about to be called; return the span to run the adapter in, if the payment is traced.

        Args:
            trace: W3C traceparent of what the call belongs to.
            gateway: whom.
            operation: the adapter's method.
            payment_id: whose money it is about.
            reference: which attempt or operation.
            purpose: why the call is made.
        """
        if trace is None or not is_sampled(trace):
            return None
        attributes = {
            "aegispay.gateway": gateway,
            "aegispay.operation": operation,
            "aegispay.payment.id": payment_id,
            "aegispay.operation.id": reference,
        }
        if purpose != "send":
            attributes["aegispay.purpose"] = purpose
        command = self._commands.get(payment_id)
        parent = trace if command is None or command.traceparent != trace else command
        return self._export.start(f"gateway {operation}", attributes, direction=Direction.OUT, parent=parent)

    def call_ended(
        self, span: Span | None, *, gateway: str, operation: str, outcome: str, error: str, duration_s: float
    ) -> None:
        """It has answered, or was given up.

        Args:
            span: as `call_started` returned it.
            gateway: whom.
            operation: the adapter's method.
            outcome: type of the answer.
            error: why that is no good answer; empty for a good one, and for a decline.
            duration_s: how long it took.
        """
        self.recorder.calls.record(duration_s, (gateway, operation, outcome))
        measured = {"gateway": gateway, "operation": operation, "outcome": outcome}
        self._export.record(s.CALL_DURATION.name, duration_s, measured, span)
        if span is not None:
            span.set("aegispay.outcome", outcome)
            span.end(error=error)

    # --- spans --------------------------------------------------------------------------------------

    @property
    def is_tracing(self) -> bool:
        """Whether somebody may want spans."""
        return self._export.is_tracing

    def begin(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        direction: Direction = Direction.INSIDE,
        parent: str | None = None,
    ) -> Span:
        """Begin a span; asked for while `is_tracing`.

        With a parent it belongs to that trace, and is linked to the caller's current span where that is another one.
        """
        current = self._export.current()
        if parent is None or current is None:
            return self._export.start(name, attributes, direction=direction, parent=parent)
        if current[3:35] == parent[3:35]:
            return self._export.start(name, attributes, direction=direction)
        return self._export.start(name, attributes, direction=direction, parent=parent, links=(current,))

    def command_began(self, payment_id: str, span: Span) -> None:
        """A caller waits for this payment within a recorded span: what is written meanwhile is noted there."""
        self._commands[payment_id] = span

    def command_ended(self, payment_id: str, span: Span) -> None:
        """He waits no longer."""
        if self._commands.get(payment_id) is span:
            del self._commands[payment_id]

    def commit_started(self, payment: Payment) -> Ending | None:
        """A payment is about to write; return what to tell when it is durable, if the payment is traced.

        While a caller waits it is a note in his span, without attributes, at a tenth of the price of a span; otherwise
        a span of its own.
        """
        trace = payment.trace
        if not is_sampled(trace):
            return None
        command = self._commands.get(payment.id)
        if command is not None and trace_id(command.traceparent) == trace_id(trace):
            return Noted(command, _COMMITS[payment.state], _FAILED_COMMIT)
        attributes: dict[str, AttributeValue] = {
            "aegispay.payment.id": payment.id,
            "aegispay.payment.version": payment.version,
            "aegispay.payment.state": payment.state.value,
        }
        return self._export.start("commit", attributes, parent=trace)

    def hook_asked(self, payment: Payment, kind: str, hook: str) -> Span | None:
        """A hook is about to be asked; return the span to run it in, if the payment is traced."""
        if not is_sampled(payment.trace):
            return None
        attributes = {"aegispay.payment.id": payment.id, "aegispay.hook": hook, "aegispay.hook.kind": kind}
        return self._export.start(f"hook {kind}", attributes, parent=payment.trace)

    def delivering(
        self, stored: StoredEvent, *, subscriber: str, kind: str, tries: int = 0
    ) -> AbstractAsyncContextManager[Any]:
        """Return what stands around one try to hand one event on: its span, if the payment is traced."""
        if not self._export.is_tracing:
            return _UNTRACED
        attributes: dict[str, AttributeValue] = {
            "aegispay.subscriber": subscriber,
            "aegispay.subscriber.kind": kind,
            "aegispay.event.id": stored.event_id,
            "aegispay.event.type": stored.event.type.value,
            "aegispay.payment.id": stored.payment_id,
            "aegispay.tries": tries,
        }
        return Delivering(self._export, attributes, lambda: self.trace_of(stored.payment_id))

    # --- which trace --------------------------------------------------------------------------------

    find: Find | None = None
    """Reads a trace that is not in memory; set while the engine is open."""

    async def trace_of(self, payment_id: str) -> str | None:
        """Return the trace of a payment, from memory or from its log; ``None`` when it has none or cannot be read."""
        known = self._traces.get(payment_id)
        if known is not None or self.find is None:
            return known
        try:
            found = await self.find(payment_id)
        except StoreError:
            return None
        if found is not None:
            self._remember(payment_id, found)
        return found

    def _remember(self, payment_id: str, trace: str) -> None:
        traces = self._traces
        traces[payment_id] = trace
        if len(traces) > _TRACES_KEPT:
            traces.popitem(last=False)


class Noted:
    """Something in the course of a span that is not worth one of its own.

    Args:
        span: in whose course.
        done: what to note when it has happened. failed: what when it has not.
    """

    __slots__ = ("_done", "_failed", "_span")

    def __init__(self, span: Span, done: str, failed: str) -> None:
        self._span = span
        self._done = done
        self._failed = failed

    def end(self, *, error: str = "") -> None:
        """It has happened, or has not, for a kind of error."""
        if error:
            self._span.note(self._failed, {"error.type": error})
        else:
            self._span.note(self._done)


_UNTRACED: AbstractAsyncContextManager[None] = nullcontext()


def default_export() -> Export:
    """Return the way to OpenTelemetry's global providers where its API is installed."""
    try:
        from aegispay.observability.otel import OpenTelemetry  # noqa: PLC0415 - an extra
    except ImportError:
        return NoExport()
    return OpenTelemetry()
