"""From a request to its answer: idempotency, the transaction, and what is kept under the key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aegispay.ports import Clock
from aegispay.sandbox.books import Books, KeyRecord, Scope, WireEntry, encode
from aegispay.sandbox.faults import ERRORS_AFTER, Call, Fault, Strike
from aegispay.sandbox.incoming import Mutation
from aegispay.sandbox.objects import error_object, operation_object, payment_object
from aegispay.sandbox.payment import Change, Payment, RefusedError, Status
from aegispay.sandbox.provider import Provider
from aegispay.sandbox.refusals import RefusalError, in_progress, key_mismatch, rate_limited
from aegispay.sandbox.settings import SandboxSettings

_FALSE_CURRENCY = ("EUR", "USD")
_EDGE_PAGE = "<html><body><h1>{status}</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back.

    Attributes:
        deliveries: webhooks that tell of it.
    """

    status: int
    body: str
    is_replay: bool = False
    deliveries: tuple[int, ...] = ()


class Carrier:
    """Carries mutations out under their idempotency keys.

    Args:
        settings: the window of a key, and what is kept under it.
        books: where keys, payments and the wire log stand.
        provider: who does it.
        clock: what the age of a key is judged by.
    """

    def __init__(self, settings: SandboxSettings, books: Books, provider: Provider, clock: Clock) -> None:
        self._settings = settings
        self._books = books
        self._provider = provider
        self._clock = clock

    def carry_out(self, asked: Mutation, scope: Scope, strike: Strike | None) -> Answer:
        """Return the stored answer, or do what is asked and store its answer; all in one transaction."""
        with self._books.transaction():
            self._provider.run_due()
            known = self._known(scope)
            if known is None:
                answer = self._first_time(asked, scope, strike)
            elif (known.path, known.digest) != (asked.path, asked.digest):
                answer = as_answer(key_mismatch())
            else:
                answer = Answer(status=known.status, body=known.body, is_replay=True)
            is_done = known is None and answer.status not in {400, 404}
            answer = self._hidden(answer, strike)
            self._log(asked, strike, executed=is_done, status=_seen(answer, strike))
        return answer

    def leave(self, asked: Mutation, scope: Scope, strike: Strike) -> Answer:
        """Return the answer to a request that a fault keeps from being carried out."""
        with self._books.transaction():
            self._provider.run_due()
            answer = _early_answer(strike.fault)
            if strike.fault is Fault.ERROR_500_BEFORE and self._known(scope) is None:
                self._keep(asked, scope, answer)
            self._log(asked, strike, executed=False, status=_seen(answer, strike))
        return answer

    def refuse(self, asked: Mutation, refusal: RefusalError) -> Answer:
        """Return a refusal, and note it in the wire log."""
        with self._books.transaction():
            self._log(asked, None, executed=False, status=refusal.status)
        return as_answer(refusal)

    def _known(self, scope: Scope) -> KeyRecord | None:
        known = self._books.key(scope)
        window = timedelta(seconds=self._settings.key_window_s)
        return None if known is None or self._clock.now() - known.at >= window else known

    def _first_time(self, asked: Mutation, scope: Scope, strike: Strike | None) -> Answer:
        try:
            done = self._provider.carry_out(asked, strike)
        except RefusalError as refusal:
            return as_answer(refusal)
        except RefusedError as refused:
            answer = Answer(status=409, body=encode(error_object("invalid_state", refused.code, str(refused))))
        else:
            body = self._told(asked, done.change)
            status = 402 if asked.call is Call.CHARGE and done.change.payment.status is Status.DECLINED else 201
            answer = Answer(status=status, body=encode(_falsified(status, body, strike)), deliveries=done.deliveries)
        self._keep(asked, scope, answer, strike)
        return answer

    def _told(self, asked: Mutation, change: Change) -> dict[str, Any]:
        if asked.call is Call.CHARGE:
            return _charge_told(change.payment, self._provider.base_url)
        assert change.operation is not None
        return operation_object(change.payment, change.operation)

    def _keep(self, asked: Mutation, scope: Scope, answer: Answer, strike: Strike | None = None) -> None:
        kept = _error_after(strike) or answer
        if kept.status >= 500 and not self._settings.keeps_failures:
            return
        record = KeyRecord(
            path=asked.path, digest=asked.digest, status=kept.status, body=kept.body, at=self._clock.now()
        )
        self._books.set_key(scope, record)

    def _hidden(self, answer: Answer, strike: Strike | None) -> Answer:
        """Return what the fault shows instead of the answer."""
        shown = _error_after(strike)
        if shown is None and strike is not None:
            match strike.fault:
                case Fault.IN_PROGRESS:
                    shown = as_answer(in_progress())
                case Fault.RATE_LIMIT_AFTER:
                    shown = as_answer(rate_limited(is_executed=True))
                case Fault.UNREADABLE_AFTER:
                    shown = UNREADABLE
        if shown is None:
            return answer
        return Answer(status=shown.status, body=shown.body, deliveries=answer.deliveries)

    def _log(self, asked: Mutation, strike: Strike | None, *, executed: bool, status: int | None) -> None:
        entry = WireEntry(
            method="POST",
            path=asked.path,
            call=asked.call,
            reference=asked.reference,
            idempotency_key=asked.key,
            executed=executed,
            fault=None if strike is None else strike.fault,
            status=status,
        )
        self._books.log(entry, self._clock.now())


UNREADABLE = Answer(status=200, body='{"object": "paym\x00\x00')


def as_answer(refusal: RefusalError) -> Answer:
    """Return a refusal as it is sent."""
    return Answer(status=refusal.status, body=encode(refusal.body))


def _charge_told(payment: Payment, base_url: str) -> dict[str, Any]:
    shown = payment_object(payment, base_url)
    if payment.decline is None:
        return shown
    return error_object("declined", payment.decline.code, payment.decline.message, payment=shown)


def _early_answer(fault: Fault) -> Answer:
    match fault:
        case Fault.KEY_MISMATCH:
            return as_answer(key_mismatch())
        case Fault.RATE_LIMIT_BEFORE:
            return as_answer(rate_limited(is_executed=False))
        case _:
            return server_error(500)


def server_error(status: int) -> Answer:
    """Return a failure: of the provider itself, or of what stands in front of it."""
    if status == 500:
        return Answer(status=500, body=encode(error_object("provider_error", "internal", "something went wrong")))
    return Answer(status=status, body=_EDGE_PAGE.format(status=status))


def _error_after(strike: Strike | None) -> Answer | None:
    status = None if strike is None else ERRORS_AFTER.get(strike.fault)
    return None if status is None else server_error(status)


def _falsified(status: int, body: dict[str, Any], strike: Strike | None) -> dict[str, Any]:
    if strike is None or status != 201:
        return body
    if strike.fault is Fault.WRONG_CURRENCY:
        first, second = _FALSE_CURRENCY
        return {**body, "currency": second if body["currency"] == first else first}
    if strike.fault is Fault.WRONG_AMOUNT:
        names = ("amount", "authorized_amount", "captured_amount")
        return {**body, **{name: body[name] + 1 for name in names if body.get(name)}}
    return body


def _seen(answer: Answer, strike: Strike | None) -> int | None:
    """Return the status of the answer, if a whole one leaves."""
    unanswered = {Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.REFUSE_CONNECTION, Fault.DROP_AFTER, Fault.LOOKUP_HANG}
    return None if strike is not None and strike.fault in unanswered else answer.status
