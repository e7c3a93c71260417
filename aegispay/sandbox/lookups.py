"""What look-ups show, and what their faults make of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aegispay.ports import Clock
from aegispay.sandbox.books import Books, WireEntry, encode
from aegispay.sandbox.carrying import UNREADABLE, Answer, as_answer, server_error
from aegispay.sandbox.faults import Call, Fault, Strike
from aegispay.sandbox.objects import operation_object, payment_object, stale_operation, stale_payment
from aegispay.sandbox.payment import Payment
from aegispay.sandbox.provider import Provider
from aegispay.sandbox.refusals import RefusalError, not_found, rate_limited


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A question: for payments or operations under a reference, or for one payment by its id."""

    path: str
    account: str
    reference: str
    payment_id: str = ""


class Finder:
    """Answers look-ups.

    Args:
        books: where things stand.
        provider: lets time do its part first.
        clock: what decides whether something can be seen yet.
    """

    def __init__(self, books: Books, provider: Provider, clock: Clock) -> None:
        self._books = books
        self._provider = provider
        self._clock = clock

    def token(self, asked: Lookup) -> str | None:
        """Return the token of the payment that is looked for."""
        if asked.payment_id:
            payment = self._books.payment(asked.payment_id)
            return None if payment is None else payment.method.token
        found = self._books.by_reference(asked.account, asked.reference)
        return found[0].method.token if found else None

    def answer(self, asked: Lookup, strike: Strike | None) -> Answer:
        """Return what the books say, or what the fault makes of it."""
        with self._books.transaction():
            self._provider.run_due()
            try:
                answer = _instead(strike) or Answer(status=200, body=encode(self._find(asked, strike)))
            except RefusalError as refusal:
                answer = as_answer(refusal)
            self._log(asked, strike, answer)
        return answer

    def _find(self, asked: Lookup, strike: Strike | None) -> dict[str, Any]:
        if asked.payment_id:
            payment = self._books.payment(asked.payment_id)
            if payment is None or payment.account != asked.account or self._is_hidden(payment, strike):
                raise not_found("payment")
            return self._payment(payment, strike)
        if asked.path.endswith("/operations"):
            return {"data": self._operations(asked, strike)}
        found = self._books.by_reference(asked.account, asked.reference)
        return {"data": [self._payment(each, strike) for each in found if not self._is_hidden(each, strike)]}

    def _payment(self, payment: Payment, strike: Strike | None) -> dict[str, Any]:
        if _is(strike, Fault.LOOKUP_STALE):
            payment = stale_payment(payment, self._books.previous(payment.id))
        return payment_object(payment, self._provider.base_url)

    def _operations(self, asked: Lookup, strike: Strike | None) -> list[dict[str, Any]]:
        found = self._books.operations(asked.account, asked.reference)
        is_stale = _is(strike, Fault.LOOKUP_STALE)
        return [
            operation_object(payment, stale_operation(each) if is_stale else each)
            for payment, each in found
            if not self._is_unseen(each.created_at, each.visible_at, strike)
        ]

    def _is_hidden(self, payment: Payment, strike: Strike | None) -> bool:
        return self._is_unseen(payment.created_at, payment.visible_at, strike)

    def _is_unseen(self, created_at: datetime, visible_at: datetime, strike: Strike | None) -> bool:
        now = self._clock.now()
        if strike is not None and strike.fault is Fault.LOOKUP_NOT_FOUND:
            # Only what is new is not found: a provider that forgot old payments would break every promise.
            visible_at = max(visible_at, created_at + timedelta(seconds=strike.seconds))
        return now < visible_at

    def _log(self, asked: Lookup, strike: Strike | None, answer: Answer) -> None:
        unanswered = {Fault.HANG_BEFORE, Fault.LOOKUP_HANG, Fault.REFUSE_CONNECTION, Fault.DROP_AFTER}
        entry = WireEntry(
            method="GET",
            path=asked.path,
            call=Call.LOOKUP,
            reference=asked.reference,
            idempotency_key=None,
            executed=False,
            fault=None if strike is None else strike.fault,
            status=None if strike is not None and strike.fault in unanswered else answer.status,
        )
        self._books.log(entry, self._clock.now())


def _instead(strike: Strike | None) -> Answer | None:
    if _is(strike, Fault.ERROR_500_BEFORE):
        return server_error(500)
    if _is(strike, Fault.RATE_LIMIT_BEFORE):
        return as_answer(rate_limited(is_executed=False))
    return UNREADABLE if _is(strike, Fault.UNREADABLE_AFTER) else None


def _is(strike: Strike | None, fault: Fault) -> bool:
    return strike is not None and strike.fault is fault
