"""The trace that the running code works for, as outgoing requests carry it on."""

from __future__ import annotations

from contextvars import ContextVar

current_traceparent: ContextVar[str | None] = ContextVar("aegispay_traceparent", default=None)
"""W3C traceparent of the span around the running gateway call or delivery; ``None`` when nobody traces it."""


def outgoing_headers() -> dict[str, str]:
    """Return the headers that let the receiver of a request continue the trace; none when there is no trace.

    Adapters that send requests of their own add them, as those of AegisPay do.
    """
    traceparent = current_traceparent.get()
    return {} if traceparent is None else {"traceparent": traceparent}
