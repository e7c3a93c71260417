"""The span around one try to hand one event to one subscriber."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType

from aegispay.observability.tracing import AttributeValue, Direction, Export, Span, is_sampled


class Delivering:
    """Continues the payment's trace in whatever runs inside; does nothing for a payment without one.

    Args:
        export: where the span goes.
        attributes: what is known of the delivery.
        find: finds the payment's trace.
    """

    def __init__(
        self,
        export: Export,
        attributes: Mapping[str, AttributeValue],
        find: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._export = export
        self._attributes = attributes
        self._find = find
        self._span: Span | None = None
        self._entered: AbstractContextManager[object] | None = None

    async def __aenter__(self) -> None:
        trace = await self._find()
        if is_sampled(trace):
            self._span = self._export.start("deliver", self._attributes, direction=Direction.MESSAGE, parent=trace)
            self._entered = self._span.entered()
            self._entered.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._span is not None and self._entered is not None:
            self._entered.__exit__(kind, error, traceback)
            self._span.end(error="" if kind is None else kind.__name__)
