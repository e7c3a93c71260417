"""The people who look up with the provider what the engine cannot find out, and say what is true."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from aegispay import (
    Attempt,
    BeingAskedError,
    Money,
    NotInDoubtError,
    Operation,
    Payment,
    SimulatedGateway,
    Verdict,
)
from aegispay.domain.evolve import evolve
from aegispay.gateways.ledger import EntryKind, EntryStatus, LedgerEntry
from aegispay.ports import StoredEvent
from tests.integration.engine.rig import elapse
from tests.simulation.asking import NOT_NOW, Asker
from tests.simulation.providers import CONTRACTS, OnTheWire

_LOOK_S = 5.0
_TRIES_MAX = 8
_TRY_AGAIN_S = 1.7
_SURE_AFTER_S = 15.0
"""What left so long ago has arrived, or never will."""


class Operators:
    """They read the providers' books, wait until nothing can be on its way any more, and never lie.

    Args:
        streams: returns the events of every payment.
        wire: everything that left for a provider.
        now_s: the time.
    """

    def __init__(
        self,
        asker: Asker,
        providers: list[SimulatedGateway],
        streams: Callable[[], dict[str, list[StoredEvent]]],
        wire: list[OnTheWire],
        now_s: Callable[[], float],
    ) -> None:
        self._asker = asker
        self._providers = {provider.name: provider for provider in providers}
        self._streams = streams
        self._wire = wire
        self._now_s = now_s
        self.verdicts = 0

    async def live(self) -> None:
        """Settle what no engine can ask about, or send again."""
        while True:
            await elapse(_LOOK_S)
            for payment in self.in_doubt():
                gateway = payment.gateway
                if gateway is not None and CONTRACTS[gateway].idempotency_window_s is None:
                    await self._settle(payment)

    async def settle_all(self) -> None:
        for payment in self.in_doubt():
            await self._settle(payment)

    def in_doubt(self) -> list[Payment]:
        payments = [rebuilt(payment_id, events) for payment_id, events in self._streams().items()]
        return [payment for payment in payments if payment.in_doubt and not payment.is_parked]

    async def _settle(self, payment: Payment) -> None:
        for doubt in payment.doubts:
            for _ in range(_TRIES_MAX):
                words = self._truth(payment, doubt)
                if words is None or not await self._is_being_asked(payment, doubt, words):
                    break
                await elapse(_TRY_AGAIN_S)

    async def _is_being_asked(self, payment: Payment, doubt: Attempt | Operation, words: dict[str, Any]) -> bool:
        """Give the verdict; return whether it came while the engine was asking by itself."""
        try:
            await self._asker.call(
                lambda aegis: aegis.resolve_payment(
                    payment.id, evidence="the provider's books", operator="ops", reference=doubt.id, **words
                )
            )
            self.verdicts += 1
        except BeingAskedError:
            return True
        except (*NOT_NOW, NotInDoubtError):
            pass
        return False

    def _truth(self, payment: Payment, doubt: Attempt | Operation) -> dict[str, Any] | None:
        gateway = payment.gateway
        assert gateway is not None
        last_s = max((sent.at_s for sent in self._wire if sent.request.reference == doubt.id), default=0.0)
        if self._now_s() - last_s < _SURE_AFTER_S:
            return None
        return said_of(self._entry(gateway, doubt.id))

    def _entry(self, gateway: str, reference: str) -> LedgerEntry | None:
        """Return what the provider shows now: a challenge whose time is over has failed."""
        with contextlib.suppress(ValueError):
            self._providers[gateway]._books.still_open(reference)
        return self._asker.ledger.find_reference(gateway, reference)


def said_of(entry: LedgerEntry | None) -> dict[str, Any] | None:
    """Return the verdict that an entry in the books amounts to; ``None`` while it is open."""
    if entry is None or entry.status is EntryStatus.REFUSED:
        return {"verdict": Verdict.NOT_EXECUTED}
    if entry.status is EntryStatus.OPEN:
        return None
    words = {"verdict": Verdict.EXECUTED, "gateway_reference": json.loads(entry.answer)["reference"]}
    if entry.kind is EntryKind.AUTHORIZE:
        words["amount"] = Money(entry.amount_minor, entry.currency).to_decimal()
    return words


def rebuilt(payment_id: str, events: list[StoredEvent]) -> Payment:
    payment: Payment | None = None
    for stored in events:
        payment = evolve(payment, stored.event, payment_id=payment_id)
    assert payment is not None
    return payment
