"""What the engine counts about itself, always: a few dictionary look-ups per payment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aegispay.domain import events as e
from aegispay.domain.event_type import EventType
from aegispay.domain.payment import Payment
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.observability import semantics as s
from aegispay.observability.series import Attributes, Counter, Distribution, Histogram
from aegispay.observability.snapshot import CallMetrics, CommitMetrics, EngineMetrics
from aegispay.supervision.report import Action, Report

_REACHED: dict[type[Any], tuple[str]] = {
    e.PaymentInitiated: (PaymentState.INITIATED.value,),
    e.ActionRequired: (PaymentState.REQUIRES_ACTION.value,),
    e.PaymentAuthenticated: (PaymentState.AUTHENTICATED.value,),
    e.PaymentAuthorized: (PaymentState.AUTHORIZED.value,),
    e.PaymentSucceeded: (PaymentState.SUCCESS.value,),
    e.PaymentFailed: (PaymentState.FAILURE.value,),
    e.PaymentCancelled: (PaymentState.CANCELLED.value,),
    e.PaymentPartiallyRefunded: (PaymentState.PARTIALLY_REFUNDED.value,),
    e.PaymentRefunded: (PaymentState.REFUNDED.value,),
}
_FREQUENT: tuple[type[Any], ...] = (*_REACHED, e.AttemptStarted)
_TYPES: dict[type[Any], tuple[str]] = {
    kind: (kind.type.value,) for kind in _FREQUENT if isinstance(kind.type, EventType)
}
"""Of the most frequent events; the others are asked."""
_PROCESSING = (PaymentState.PROCESSING.value,)
_ENDS = frozenset({e.PaymentAuthorized, e.PaymentSucceeded, e.PaymentFailed, e.PaymentCancelled})
_FIRST, _RETRY = "first", "retry"


class Recorder:
    """Counters and histograms since the engine was made."""

    def __init__(self) -> None:
        self.payments = Counter(s.PAYMENTS)
        self.payment_duration = Histogram(s.PAYMENT_DURATION)
        self.retried = Counter(s.PAYMENT_RETRIES)
        self.failures = Counter(s.FAILURES)
        self.attempts = Counter(s.ATTEMPTS)
        self.routed = Counter(s.ROUTED)
        self.events = Counter(s.EVENTS)
        self.repetitions = Counter(s.REPETITIONS)
        self.calls = Histogram(s.CALL_DURATION)
        self.commit_duration = Histogram(s.COMMIT_DURATION)
        self.commit_size = Histogram(s.COMMIT_SIZE)
        self.doubt_duration = Histogram(s.DOUBT_DURATION)
        self.crashes = Counter(s.CRASHES)
        self.restarts = Counter(s.RESTARTS)

    def committed(self, payment: Payment, events: Sequence[e.Event]) -> tuple[float, Attributes] | None:
        """Count what a payment has written; return how long it took if that was its end, and in which state."""
        ended = None
        for event in events:
            kind = type(event)
            self.events.add(_TYPES.get(kind) or (event.type.value,))
            reached = _REACHED.get(kind)
            if reached is None:
                if isinstance(event, e.AttemptStarted):
                    self._attempt(event)
                continue
            if isinstance(event, e.PaymentPartiallyRefunded) and not _is_first(event, payment):
                continue
            self.payments.add(reached)
            if kind in _ENDS:
                ended = (event.at - payment.created_at).total_seconds(), reached
                self.payment_duration.record(*ended)
            if isinstance(event, e.PaymentFailed):
                self.failures.add((event.reason.value,))
        return ended

    def _attempt(self, event: e.AttemptStarted) -> None:
        if event.number == 1:
            self.payments.add(_PROCESSING)
        elif event.number == 2:
            self.retried.add()
        self.attempts.add((event.gateway, _FIRST if event.number == 1 else _RETRY))
        self.routed.add((event.gateway, event.decision.strategy))

    def batch_committed(self, size: int, duration_s: float) -> None:
        """Count one durable transaction."""
        self.commit_size.record(float(size))
        self.commit_duration.record(duration_s)

    def reported(self, report: Report) -> None:
        """Count what a supervisor saw or did."""
        if report.action is Action.CRASHED:
            self.crashes.add((report.supervisor,))
        elif report.action is Action.RESTARTED:
            self.restarts.add((report.supervisor,))

    def fill(self, gauges: EngineMetrics) -> EngineMetrics:
        """Return the gauges together with what was counted."""
        calls = (
            CallMetrics(gateway=g, operation=o, outcome=t, latency=d) for (g, o, t), d in self.calls.read().items()
        )
        crashes, restarts = _by_name(self.crashes), _by_name(self.restarts)
        size, latency = self.commit_size.read().get(()), self.commit_duration.read().get(())
        return replace(
            gauges,
            payments=_by_name(self.payments),
            durations=_distributions(self.payment_duration),
            failures=_by_name(self.failures),
            retried=self.retried.read().get((), 0),
            events=_by_name(self.events),
            repetitions=_by_name(self.repetitions),
            attempts=self.attempts.read(),
            routed=self.routed.read(),
            calls=tuple(calls),
            doubt_durations=_distributions(self.doubt_duration),
            actors=replace(gauges.actors, crashes=crashes, restarts=restarts),
            commits=gauges.commits if size is None or latency is None else CommitMetrics(size=size, latency=latency),
        )


def _by_name(counter: Counter) -> dict[str, int]:
    return {name: count for (name,), count in counter.read().items()}


def _distributions(histogram: Histogram) -> dict[str, Distribution]:
    return {name: found for (name,), found in histogram.read().items()}


def _is_first(refunded: e.PaymentPartiallyRefunded, payment: Payment) -> bool:
    """Return whether nothing had been returned before: the payment is in that state already otherwise."""
    return any(
        operation.kind is OperationKind.REFUND
        and operation.status is OperationStatus.SUCCEEDED
        and operation.amount_minor == refunded.refunded_minor
        for operation in payment.operations
    )
