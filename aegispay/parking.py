"""Payments set aside, because they kept crashing or a hook wants a person to decide: readable, refusing commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.events import Event
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.projection import project
from aegispay.errors import (
    CommitUnknownError,
    CorruptStoreError,
    FencedError,
    PaymentNotFoundError,
    PaymentParkedError,
    StoreError,
    StoreUnavailableError,
    VersionConflictError,
)
from aegispay.history import rebuild
from aegispay.log import logger
from aegispay.ports import Append, Clock, EventStore, Parking
from aegispay.waiting import Waiters

Tell = Callable[[Payment, Sequence[Event]], None]
"""Passes on what was committed."""


class ParkingLot:
    """Knows which payments are parked, on disk and in memory."""

    def __init__(self, *, store: EventStore, clock: Clock, waiters: Waiters, tell: Tell | None = None) -> None:
        self._store = store
        self._clock = clock
        self._waiters = waiters
        self._tell = tell
        self._parked: dict[str, Parking] = {}
        self._being_written: dict[str, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        """Return how many payments are parked."""
        return len(self._parked)

    def __contains__(self, payment_id: str) -> bool:
        """Return whether the payment is parked."""
        return payment_id in self._parked

    async def load(self) -> None:
        """Read what earlier engines parked."""
        for parking in await self._store.parked():
            if parking.is_review and await self._is_decided(parking.payment_id):
                # The process ended between the decision and this.
                await self._store.unpark(parking.payment_id)
            else:
                self._parked[parking.payment_id] = parking

    async def _is_decided(self, payment_id: str) -> bool:
        """Return whether the payment's own log says that its review is over."""
        try:
            payment = rebuild(payment_id, await self._store.load(payment_id))
        except CorruptStoreError:
            return False
        return payment is not None and not payment.is_parked

    def refuse_if_parked(self, payment_id: str) -> None:
        """Raise `PaymentParkedError` when the payment is parked."""
        parking = self._parked.get(payment_id)
        if parking is not None:
            raise _error(parking)

    def park(self, payment_id: str, *, cause: str, is_review: bool = False) -> Coroutine[Any, Any, None]:
        """Set the payment aside, from now on: callers waiting for it are told, nobody else is disturbed.

        Returns:
            What remains to be awaited: writing it down.
        """
        parking = Parking(payment_id=payment_id, cause=cause, parked_at=self._clock.now(), is_review=is_review)
        self._parked[payment_id] = parking
        self._waiters.fail(payment_id, _error(parking))
        log = logger().info if is_review else logger().error
        log("payment_parked", payment_id=payment_id, cause=cause)
        self._being_written[payment_id] = written = asyncio.get_running_loop().create_future()
        return self._write_down(parking, written)

    async def _write_down(self, parking: Parking, written: asyncio.Future[None]) -> None:
        try:
            await self._store.park(parking)
            await self._append(parking.payment_id, c.ParkPayment(at=parking.parked_at, cause=parking.cause))
        except StoreError as error:
            logger().error("parking_not_stored", payment_id=parking.payment_id, error=str(error))
        finally:
            self._being_written.pop(parking.payment_id, None)
            written.set_result(None)

    def is_in_review(self, payment_id: str) -> bool:
        """Return whether the payment waits for a person's decision."""
        parking = self._parked.get(payment_id)
        return parking is not None and parking.is_review

    async def unpark(
        self, payment_id: str, *, operator: str, reason: str = "", refusal: c.RefusePayment | None = None
    ) -> None:
        """Let the payment go on, or end it at once with `refusal`.

        Raises:
            PaymentNotFoundError: it is not parked.
        """
        if payment_id not in self._parked:
            raise PaymentNotFoundError(f"{payment_id} is not parked")
        being_written = self._being_written.get(payment_id)
        if being_written is not None:
            await being_written
        unparked = c.UnparkPayment(at=self._clock.now(), operator=operator, reason=reason)
        await self._append(payment_id, unparked, *(() if refusal is None else (refusal,)))
        await self._store.unpark(payment_id)
        self._parked.pop(payment_id, None)

    async def _append(self, payment_id: str, *commands: c.Command) -> None:
        """Put it into the payment's own log, where that can still be read: what is parked is often what cannot."""
        try:
            draft = Draft(payment_id, rebuild(payment_id, await self._store.load(payment_id)))
            if any(draft.apply(command) is not None for command in commands):
                return
            if draft.payment is None or not draft.events:
                return
            await self._store.append(
                Append(
                    payment_id=payment_id,
                    expected_version=draft.version,
                    events=draft.events,
                    row=project(draft.payment),
                )
            )
            if self._tell is not None:
                self._tell(draft.payment, draft.events)
        except VersionConflictError:
            await self._append(payment_id, *commands)
            return
        except (StoreUnavailableError, CommitUnknownError, FencedError):
            raise
        except Exception as error:  # noqa: BLE001 - a payment that cannot be folded is parked all the same
            logger().warning("parking_not_in_log", payment_id=payment_id, error=type(error).__name__)


def is_review_open(payment: Payment) -> bool:
    """Return whether a hook has set the payment aside, before anything was charged, and nobody has decided yet."""
    return payment.review is not None and payment.is_parked and not payment.attempts


def review_refusal(*, at: datetime, operator: str, reason: str) -> c.RefusePayment:
    """Return the end of a payment that a person refuses."""
    return c.RefusePayment(at=at, reason=Reason.RISK_REFUSED, code="review", message=f"{operator} refused it: {reason}")


def _error(parking: Parking) -> PaymentParkedError:
    since = parking.parked_at.isoformat(timespec="seconds")
    return PaymentParkedError(f"{parking.payment_id} is parked since {since}: {parking.cause}")
