"""Callers that wait for a payment to settle. They wait here, not on an actor, so a crash loses none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aegispay.domain.payment import Payment

Until = Callable[[Payment], bool]
"""Says whether a payment has become what a caller waits for."""


def is_settled(payment: Payment) -> bool:
    """Return whether nothing more is to be expected of the charge."""
    return payment.is_settled


class Watch:
    """What one caller waits for: only what came after his command counts, even if it is heard before the reply."""

    __slots__ = ("_from_version", "_latest", "_until")

    def __init__(self, until: Until) -> None:
        self._until = until
        self._from_version: int | None = None
        self._latest: Payment | None = None

    def __call__(self, payment: Payment) -> bool:
        """Return whether the payment has become what is waited for."""
        self._latest = payment
        return self._from_version is not None and payment.version >= self._from_version and self._until(payment)

    def reply(self, payment: Payment) -> Payment | None:
        """Take in the reply to the command; return the answer if there is nothing to wait for any more."""
        self._from_version = payment.version
        if self._until(payment):
            return payment
        return self._latest if self._latest is not None and self(self._latest) else None


class Waiters:
    """Futures by payment id, answered when the payment settles."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Future[Payment], Until]] = {}

    def __len__(self) -> int:
        """Return how many payments are waited for."""
        return len(self._waiting)

    def expect(self, payment_id: str, until: Until = is_settled) -> asyncio.Future[Payment]:
        """Return a future for the moment the payment becomes what `until` asks for."""
        future: asyncio.Future[Payment] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(payment_id, {})[future] = until
        return future

    def forget(self, payment_id: str, future: asyncio.Future[Payment]) -> None:
        """Stop waiting; harmless when the future was answered."""
        waiting = self._waiting.get(payment_id)
        if waiting is None:
            return
        waiting.pop(future, None)
        if not waiting:
            del self._waiting[payment_id]

    def futures(self) -> tuple[asyncio.Future[Payment], ...]:
        """Return what is waited for."""
        return tuple(future for futures in self._waiting.values() for future in futures)

    def changed(self, payment: Payment) -> None:
        """Answer those who waited for what the payment has become."""
        waiting = self._waiting.get(payment.id)
        if waiting is None:
            return
        for future in [future for future, until in waiting.items() if until(payment)]:
            self._answer(future, payment)
            self.forget(payment.id, future)

    def looked_at(self, payment: Payment) -> None:
        """Answer everybody who waits for this payment: there is no more to be learnt of it now."""
        for future in self._waiting.pop(payment.id, ()):
            self._answer(future, payment)

    @staticmethod
    def _answer(future: asyncio.Future[Payment], payment: Payment) -> None:
        if not future.done():
            future.set_result(payment)

    def fail(self, payment_id: str, error: Exception) -> None:
        """Tell everybody who waits for this payment that it will not settle by itself."""
        for future in self._waiting.pop(payment_id, ()):
            fail(future, error)

    def fail_all(self, error: Exception) -> None:
        """Tell everybody."""
        for payment_id in tuple(self._waiting):
            self.fail(payment_id, error)


def fail(future: asyncio.Future[Payment], error: Exception) -> None:
    """Answer one caller with an error, unless answered before."""
    if not future.done():
        future.set_exception(error)
        # A caller may have gone away; its silence must not be reported as a lost exception.
        future.exception()
