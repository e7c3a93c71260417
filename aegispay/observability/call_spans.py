"""One gateway call as it is measured and traced."""

from __future__ import annotations

from contextvars import Context

from aegispay.domain.outcome import GatewayMisconfigured, InvalidRequest, NotProcessed, Outcome, OutcomeUnknown
from aegispay.observability.telemetry import Telemetry
from aegispay.ports import NotFound

_BAD = (OutcomeUnknown, NotProcessed, InvalidRequest, GatewayMisconfigured)
"""Answers that make a span an error; a decline is a good answer."""


class ObservedCall:
    """A call from its beginning to its end, exactly one of `ended` and `not_made`.

    Args:
        telemetry: whom to tell.
        gateway: whom is called. operation: the adapter's method.
        payment_id: whose money it is about. reference: which attempt or operation. purpose: why it is made.
        trace: W3C traceparent of what it belongs to, if that is traced.
    """

    __slots__ = ("_gateway", "_operation", "_span", "_telemetry")

    def __init__(
        self,
        telemetry: Telemetry,
        gateway: str,
        operation: str,
        *,
        payment_id: str,
        reference: str,
        purpose: str,
        trace: str | None,
    ) -> None:
        self._telemetry = telemetry
        self._gateway = gateway
        self._operation = operation
        self._span = telemetry.call_started(
            trace, gateway, operation, payment_id=payment_id, reference=reference, purpose=purpose
        )

    def context(self) -> Context | None:
        """Return what the adapter is to run in; ``None`` for the context as it is."""
        return None if self._span is None else self._span.context()

    def ended(self, answer: Outcome | NotFound, duration_s: float) -> None:
        """The gateway has answered, or its time is over."""
        self._telemetry.call_ended(
            self._span,
            gateway=self._gateway,
            operation=self._operation,
            outcome="not_found" if isinstance(answer, NotFound) else answer.type,
            error=answer.reason.value if isinstance(answer, _BAD) else "",
            duration_s=duration_s,
        )

    def not_made(self) -> None:
        """It was given up by the engine, before it began or while it closes: nothing is measured."""
        if self._span is not None:
            self._span.end(error="given_up")
