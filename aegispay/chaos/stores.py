"""A store whose writes are disturbed; what it read is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aegispay.chaos import faults as f
from aegispay.chaos.injector import Injector, Point, Strike
from aegispay.errors import CommitUnknownError, StoreUnavailableError
from aegispay.ports import Append, EventStore


class ChaosStore:
    """The store inside, with its writes replaced."""

    def __init__(self, store: EventStore, injector: Injector) -> None:
        self._inner = store
        self._injector = injector
        self._faults = injector.of(f.StoreFails, f.StoreCommitUnknown, f.StoreSlow, f.StoreFull, f.StoreBusy)
        for operation in f.StoreWrite if self._faults else ():
            setattr(self, operation.value, self._disturbed(operation, getattr(store, operation)))

    def __repr__(self) -> str:
        """Show the store inside."""
        return f"<ChaosStore {self._inner!r}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _disturbed(self, operation: f.StoreWrite, write: Callable[..., Any]) -> Callable[..., Any]:
        async def disturbed(*arguments: Any, **keywords: Any) -> Any:
            strikes = self._injector.strikes(
                self._faults,
                Point(f"store {operation}", _about(arguments)),
                lambda fault: operation in fault.operations,
            )
            for strike in strikes:
                await self._before(strike)
            answer = await write(*arguments, **keywords)
            for strike in strikes:
                self._after(strike)
            return answer

        return disturbed

    async def _before(self, strike: Strike) -> None:
        fault = strike.fault
        if isinstance(fault, f.StoreCommitUnknown):
            return
        self._injector.record(strike.active, strike.point)
        if isinstance(fault, f.StoreSlow):
            await _elapse(self._injector.delay_s(strike, fault.delay))
            return
        if isinstance(fault, f.StoreBusy):
            await _elapse(fault.after_s)
        raise StoreUnavailableError(f"nothing was written: {_REFUSALS[type(fault)]}, on purpose")

    def _after(self, strike: Strike) -> None:
        if isinstance(strike.fault, f.StoreCommitUnknown):
            self._injector.record(strike.active, strike.point)
            raise CommitUnknownError("the store failed while it committed, on purpose")


_REFUSALS = {
    f.StoreFails: "the store refused",
    f.StoreFull: "the disk is full",
    f.StoreBusy: "the database is busy",
}


def _about(arguments: tuple[Any, ...]) -> str:
    first = arguments[0] if arguments else ""
    if isinstance(first, Append):
        return f"{first.payment_id} v{first.expected_version}"
    return first if isinstance(first, str) else ""


async def _elapse(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 - a slow disk is what is simulated
