"""The trace that the running code works for, as outgoing requests carry it on."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Traced(Protocol):
    """A span around the running code."""

    @property
    def traceparent(self) -> str | None:
        """What continues the trace elsewhere, in W3C's form; ``None`` when nobody records it."""
        ...


current_span: ContextVar[Traced | None] = ContextVar("aegispay_span", default=None)
"""The span around the running gateway call, hook or delivery; ``None`` when nobody traces it."""


def outgoing_headers() -> dict[str, str]:
    """Return the headers that let the receiver of a request continue the trace; none when there is no trace.

    Adapters that send requests of their own add them, as those of AegisPay do.
    """
    span = current_span.get()
    traceparent = None if span is None else span.traceparent
    return {} if traceparent is None else {"traceparent": traceparent}
