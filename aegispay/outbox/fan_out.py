"""Several subscribers behind one name."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aegispay.errors import FieldError, ValidationError
from aegispay.ports import StoredEvent

Sink = Callable[[StoredEvent], Awaitable[None]]
"""Takes an event; returning means that it has it."""

_REMEMBERED_MAX = 10_000
"""Events that some sinks have and others do not; more than a subscription ever retries at once."""


def fan_out(*sinks: Sink) -> Sink:
    """Return a subscriber that hands each event to all `sinks` at the same time.

    It has the event when all of them have it. When some fail, it fails, and is called again by the subscription's
    schedule: then only those are called that do not have the event yet, as long as the process lives. After a restart
    all are called again: at least once, for each. Order within a payment holds for each of them.

    They share one cursor: while one sink fails, the others wait with the payment whose event it failed at. Sinks that
    must not wait for each other get a subscription each.

    Raises:
        ValidationError: there is no sink, or one cannot be called.
    """
    if not sinks:
        raise ValidationError([FieldError("sinks", "give at least one")])
    for sink in sinks:
        if not callable(sink):
            raise ValidationError(
                [FieldError("sinks", "give async callables that take one event", type(sink).__name__)]
            )
    return _FanOut(sinks)


class _FanOut:
    """Remembers, for events that not all have, who has them."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self._sinks = sinks
        self._owed: OrderedDict[str, set[int]] = OrderedDict()

    async def __call__(self, stored: StoredEvent) -> None:
        owed = self._owed.setdefault(stored.event_id, set(range(len(self._sinks))))
        while len(self._owed) > _REMEMBERED_MAX:
            self._owed.popitem(last=False)
        failed = await asyncio.gather(*(self._hand(stored, each, owed) for each in sorted(owed)))
        errors = [error for error in failed if error is not None]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self._sinks)} sinks failed", errors)
        self._owed.pop(stored.event_id, None)

    async def _hand(self, stored: StoredEvent, each: int, owed: set[int]) -> Exception | None:
        try:
            await self._sinks[each](stored)
        except Exception as error:  # noqa: BLE001 - it is raised when all have been tried
            return error
        owed.discard(each)
        return None
