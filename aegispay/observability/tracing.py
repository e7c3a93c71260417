"""Traces as the engine sees them: spans that continue what a payment's own log says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import Context
from enum import StrEnum
from typing import Protocol

from aegispay.domain.payment import Payment
from aegispay.observability.families import Source

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

_ODD = "13579bdf"
"""The last digit of flags with the last bit set."""

AttributeValue = str | int | float | bool


class Direction(StrEnum):
    """Where a span's work is done: inside the engine, by another service it asks, or for a caller."""

    INSIDE = "internal"
    OUT = "client"
    IN = "server"
    MESSAGE = "producer"


class Span(Protocol):
    """Work under way."""

    @property
    def traceparent(self) -> str | None:
        """What continues the trace elsewhere, in W3C's form; ``None`` when nobody records it."""
        ...

    @property
    def is_recorded(self) -> bool:
        """Whether anything told to it is kept; nothing needs to be told otherwise."""
        ...

    def context(self, base: Context | None = None) -> Context:
        """Return context variables, those of `base` or a copy of the current ones, in which this span is current."""
        ...

    def entered(self) -> AbstractContextManager[object]:
        """Make it the current span of the running code for a while."""
        ...

    def set(self, name: str, value: AttributeValue) -> None:
        """Add what turned out meanwhile."""
        ...

    def note(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        """Add what happened at this moment; without attributes at half the price."""
        ...

    def end(self, *, error: str = "") -> None:
        """End it.

        Args:
            error: the kind of failure; never its text, which may hold private data.
        """
        ...


class Ending(Protocol):
    """What has to be told of its end."""

    def end(self, *, error: str = "") -> None:
        """End it; an error is named by its kind."""
        ...


class Export(Protocol):
    """Where spans and measurements go beside the engine's own numbers."""

    @property
    def is_tracing(self) -> bool:
        """Whether somebody may want spans."""
        ...

    @property
    def is_measuring(self) -> bool:
        """Whether somebody may want measurements."""
        ...

    def start(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        direction: Direction = Direction.INSIDE,
        parent: str | Span | None = None,
        links: Sequence[str] = (),
    ) -> Span:
        """Begin a span.

        Args:
            name: a few words that many spans share.
            attributes: what is known now.
            direction: whose work it is.
            parent: what it belongs to: its W3C traceparent, or the span itself where that is at hand, which is cheaper;
                ``None`` for the caller's current span.
            links: of what it has to do with beside that.
        """
        ...

    def current(self) -> str | None:
        """Return the traceparent of the caller's current span, if there is one."""
        ...

    def observe(self, source: Source) -> None:
        """Have counters and gauges read whenever somebody wants them."""
        ...

    def record(self, name: str, value: float, attributes: Mapping[str, str], span: Span | None = None) -> None:
        """Take in a histogram's value; with the span it was measured in, an exemplar may point there."""
        ...


def is_sampled(traceparent: str | None) -> bool:
    """Return whether spans of this trace are recorded."""
    return traceparent is not None and traceparent[-1] in _ODD


def parse_traceparent(text: str) -> tuple[int, int, int] | None:
    """Return trace id, span id and flags of a W3C traceparent; ``None`` for what is none."""
    found = _TRACEPARENT.fullmatch(text)
    return None if found is None else (int(found[1], 16), int(found[2], 16), int(found[3], 16))


def is_traceparent(text: str | None) -> bool:
    """Return whether a text is a W3C traceparent."""
    return text is not None and _TRACEPARENT.fullmatch(text) is not None


def trace_id(traceparent: str | None) -> str | None:
    """Return the id of the whole trace, 32 hexadecimal digits."""
    return None if traceparent is None else traceparent[3:35]


def trace_id_of(payment: Payment) -> str | None:
    """Return the id of the trace that follows the payment from its creation on; ``None`` when nobody traced that."""
    return trace_id(payment.trace)


class NoExport:
    """Nobody wants more than the engine's own numbers."""

    is_tracing = False
    is_measuring = False

    def start(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        direction: Direction = Direction.INSIDE,
        parent: str | Span | None = None,
        links: Sequence[str] = (),
    ) -> Span:
        """Not asked for while nothing is traced."""
        raise NotImplementedError("nothing is traced")

    def current(self) -> str | None:
        """Return nothing."""
        return None

    def observe(self, source: Source) -> None:
        """Nobody reads them."""

    def record(self, name: str, value: float, attributes: Mapping[str, str], span: Span | None = None) -> None:
        """Drop it."""
