"""The provider itself: carries requests out, in one transaction each, and lets time do its part."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aegispay.ports import Clock
from aegispay.sandbox.bodies import CaptureBody, ChargeBody, MethodBody, RefundBody
from aegispay.sandbox.books import Books
from aegispay.sandbox.charging import answer_challenge, decide, expire, settle
from aegispay.sandbox.faults import Call, Fault, Strike
from aegispay.sandbox.incoming import Mutation
from aegispay.sandbox.objects import event_data
from aegispay.sandbox.operating import capture, end_refund, refund, void
from aegispay.sandbox.outbox import Outbox, new_event
from aegispay.sandbox.payment import (
    Change,
    Job,
    JobKind,
    Kind,
    Method,
    Operation,
    OperationStatus,
    Payment,
    RefusedError,
    Status,
)
from aegispay.sandbox.refusals import not_found
from aegispay.sandbox.settings import SandboxSettings
from aegispay.sandbox.surprises import flip, open_chargeback
from aegispay.sandbox.verdict import CARDS, NOT_SUPPORTED, Verdict, judge

_PREFIXES = {Kind.CAPTURE: "sc", Kind.VOID: "sv", Kind.REFUND: "sr"}
_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Done:
    """What was changed, and which webhooks tell of it."""

    change: Change
    deliveries: tuple[int, ...]


class Provider:
    """Carries out what is asked; every method but `run_due` runs inside the caller's transaction.

    Args:
        settings: how it behaves.
        books: what it knows.
        outbox: where its webhooks go.
        clock: what its time is.

    Attributes:
        base_url: where the payer finds the challenge page.
    """

    def __init__(self, settings: SandboxSettings, books: Books, outbox: Outbox, clock: Clock) -> None:
        self._settings = settings
        self._books = books
        self._outbox = outbox
        self._clock = clock
        self._secret = b""
        self.base_url = "http://127.0.0.1:8901"

    def open(self) -> bytes:
        """Read, or make, the ledger's secret and return it."""
        self._secret = self._books.secret()
        return self._secret

    def carry_out(self, asked: Mutation, strike: Strike | None) -> Done:
        """Do what is asked.

        Raises:
            RefusalError: there is no such payment.
            RefusedError: the payment's state or amounts do not allow it.
        """
        now = self._clock.now()
        change = self._charge(asked, strike, now) if asked.call is Call.CHARGE else self._operate(asked, strike, now)
        return self._write(_with_aftermath(change, asked, strike, now), now, strike)

    def answer_challenge(self, payment_id: str, *, is_passed: bool) -> Payment:
        """Go on after the payer's turn.

        Raises:
            RefusalError: there is no such payment.
            RefusedError: no challenge is open.
        """
        now, validity = self._clock.now(), self._settings.authorization_validity
        change = answer_challenge(self.payment(payment_id), is_passed=is_passed, now=now, authorization=validity)
        return self._write(change, now).change.payment

    def flip(self, payment_id: str) -> Payment:
        """Turn a success into a failure, or a decline into a success.

        Raises:
            RefusalError: there is no such payment.
            RefusedError: it cannot be turned.
        """
        now = self._clock.now()
        change = flip(self.payment(payment_id), now, self._settings.authorization_validity)
        return self._write(change, now).change.payment

    def open_chargeback(self, payment_id: str, amount: int) -> Payment:
        """Take money back on the payer's behalf.

        Raises:
            RefusalError: there is no such payment.
            RefusedError: so much was never captured.
        """
        return self._write(open_chargeback(self.payment(payment_id), amount), self._clock.now()).change.payment

    def expire(self, payment_id: str) -> Payment:
        """End a challenge or an authorization now.

        Raises:
            RefusalError: there is no such payment.
            RefusedError: nothing is open that could expire.
        """
        now = self._clock.now()
        payment = self.payment(payment_id)
        change = expire(replace(payment, expires_at=now), now)
        if change is None:
            raise RefusedError("nothing_open", f"the payment is {payment.status}")
        return self._write(change, now).change.payment

    def payment(self, payment_id: str, account: str | None = None) -> Payment:
        """Return a payment, of that account if one is given.

        Raises:
            RefusalError: there is none.
        """
        payment = self._books.payment(payment_id)
        if payment is None or account not in {None, payment.account}:
            raise not_found("payment")
        return payment

    def run_due(self) -> None:
        """Let time do what is due."""
        now = self._clock.now()
        while (taken := self._books.take_job(now)) is not None:
            payment_id, job = taken
            payment = self._books.payment(payment_id)
            change = None if payment is None else self._of_job(payment, job, now)
            if change is not None:
                self._write(change, now)

    def _charge(self, asked: Mutation, strike: Strike | None, now: datetime) -> Change:
        body = asked.content(ChargeBody)
        payment = Payment(
            id=self._books.new_id("sp"),
            account=asked.caller.account,
            reference=body.reference,
            is_automatic=body.capture == "automatic",
            is_partial_allowed=body.partial_allowed,
            amount=body.amount,
            currency=body.currency,
            status=Status.PROCESSING,
            method=self._method(body.payment_method),
            created_at=now,
            visible_at=now + _hidden(strike),
            return_url=body.return_url,
            metadata=body.metadata,
        )
        verdict = self._judge(body, payment.method.token, strike)
        settings = self._settings
        return decide(
            payment, verdict, now, challenge=settings.challenge_validity, authorization=settings.authorization_validity
        )

    def _judge(self, body: ChargeBody, token: str | None, strike: Strike | None) -> Verdict:
        number = body.payment_method.number
        if number is not None and number.get_secret_value() not in CARDS:
            return NOT_SUPPORTED
        is_partial = strike is not None and strike.fault is Fault.PARTIAL
        return judge(token, body.amount, is_partial_allowed=body.partial_allowed, is_partial=is_partial)

    def _operate(self, asked: Mutation, strike: Strike | None, now: datetime) -> Change:
        payment = self.payment(asked.payment_id, asked.caller.account)
        kind = Kind(asked.call.value)
        amount = getattr(asked.body, "amount", 0)
        operation = Operation(
            kind=kind,
            id=self._books.new_id(_PREFIXES[kind]),
            reference=asked.reference,
            amount=amount,
            status=OperationStatus.PENDING,
            created_at=now,
            visible_at=now + _hidden(strike),
        )
        match kind:
            case Kind.CAPTURE:
                return capture(payment, operation, is_final=asked.content(CaptureBody).final)
            case Kind.VOID:
                return void(payment, operation)
            case Kind.REFUND:
                return refund(payment, operation)

    def _method(self, body: MethodBody) -> Method:
        if body.number is None:
            return Method(type=body.type, token=body.script)
        number = body.number.get_secret_value()
        fingerprint = hmac.new(self._secret, number.encode(), hashlib.sha256).hexdigest()[:24]
        return Method(
            type=body.type,
            token=CARDS.get(number),
            brand=_brand(number),
            last4=number[-4:],
            fingerprint=fingerprint,
        )

    def _of_job(self, payment: Payment, job: Job, now: datetime) -> Change | None:
        validity = self._settings.authorization_validity
        try:
            match job.kind:
                case JobKind.EXPIRE:
                    return expire(payment, now)
                case JobKind.FLIP:
                    return flip(payment, now, validity)
                case JobKind.SETTLE:
                    return settle(payment, now, validity)
                case JobKind.SETTLE_REFUND | JobKind.FAIL_REFUND:
                    return end_refund(payment, job.subject, is_success=job.kind is JobKind.SETTLE_REFUND)
                case JobKind.CHARGEBACK:
                    return open_chargeback(payment, job.amount)
        except RefusedError:
            return None  # the payment has moved on meanwhile

    def _write(self, change: Change, now: datetime, strike: Strike | None = None) -> Done:
        self._books.apply(change, now)
        deliveries: list[int] = []
        for event in change.events:
            event_id = self._books.new_id("evt")
            data = event_data(change.payment, event, event_id, self.base_url)
            told: dict[str, Any] = new_event(event_id, event.type, data, now)
            deliveries += self._outbox.add(change.payment.id, told, strike, now)
        return Done(change, tuple(deliveries))


def _with_aftermath(change: Change, asked: Mutation, strike: Strike | None, now: datetime) -> Change:
    """Add what the fault brings about later."""
    if strike is None:
        return change
    due_at = now + timedelta(seconds=strike.seconds)
    match strike.fault:
        case Fault.FLIP_LATER:
            return replace(change, jobs=(*change.jobs, Job(kind=JobKind.FLIP, due_at=due_at)))
        case Fault.CHARGEBACK_AFTER_REFUND:
            job = Job(kind=JobKind.CHARGEBACK, due_at=due_at, amount=asked.content(RefundBody).amount)
            return replace(change, jobs=(*change.jobs, job))
        case Fault.EXPIRE_AUTHORIZATION if change.payment.status is Status.AUTHORIZED:
            job = Job(kind=JobKind.EXPIRE, due_at=due_at)
            return replace(change, payment=replace(change.payment, expires_at=due_at), jobs=(job,))
        case _:
            return change


def _hidden(strike: Strike | None) -> timedelta:
    if strike is None or strike.fault is not Fault.LOOKUP_NOT_FOUND:
        return _NO_TIME
    return timedelta(seconds=strike.seconds)


def _brand(number: str) -> str:
    brands = {"4": "visa", "5": "mastercard", "37": "amex", "34": "amex", "6": "discover", "38": "diners"}
    return next((brand for prefix, brand in brands.items() if number.startswith(prefix)), "unknown")
