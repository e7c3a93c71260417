"""One provider's desk: it takes requests on, writes them into the ledger, and answers from there."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter

from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import (
    Approved,
    Declined,
    InvalidRequest,
    Outcome,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.gateways.entry import EntryKind, EntryStatus, LedgerEntry
from aegispay.gateways.holding import Holding
from aegispay.gateways.ledger import Ledger
from aegispay.gateways.script import CHALLENGE_EXPIRED, Fault
from aegispay.ports import ChargeRequest, Clock, GatewayRequest, NotFound, OperationRequest

_ANSWER: TypeAdapter[Outcome] = TypeAdapter(Annotated[Outcome, Field(discriminator="type")])
_STATUS = {Approved: EntryStatus.DONE, RequiresAction: EntryStatus.OPEN, Pending: EntryStatus.OPEN}


@dataclass(frozen=True, slots=True)
class Books:
    """What one provider does with its ledger, according to its contract."""

    gateway: str
    contract: GatewayContract
    ledger: Ledger
    clock: Clock

    # --- reading ------------------------------------------------------------------------------------

    def known(self, request: GatewayRequest) -> LedgerEntry | None:
        """Return what was written under the request's key, as long as the key is remembered."""
        entry = self.ledger.find_key(self.gateway, request.idempotency_key)
        if entry is None or not self._is_in_window(entry):
            return None
        return self._up_to_date(entry)

    def replay(self, entry: LedgerEntry, kind: EntryKind, request: GatewayRequest) -> Outcome:
        """Return the answer kept under the request's key, or the refusal of another body."""
        if (entry.kind, entry.digest) != (kind, _digest(request)):
            return OutcomeUnknown(
                reason=Reason.DUPLICATE_REFERENCE,
                code="idempotency_conflict",
                message="the key was used with another body",
            )
        return _ANSWER.validate_json(entry.answer)

    def look_up(self, request: GatewayRequest) -> Outcome | NotFound:
        """Say what is shown to those who ask for the request's reference."""
        entry = self.ledger.find_reference(self.gateway, request.reference)
        if entry is None or entry.kind.begins is not isinstance(request, ChargeRequest):
            return NotFound()
        if self._is_visible(entry):
            return _ANSWER.validate_json(self._up_to_date(entry).answer)
        # What is shown is how things stood before, if they stood at all.
        earlier = [
            each
            for each in self.ledger.of_payment(request.payment_id)
            if (each.gateway, each.reference) == (self.gateway, request.reference) and self._is_visible(each)
        ]
        return _ANSWER.validate_json(earlier[-1].answer) if earlier else NotFound()

    def _is_visible(self, entry: LedgerEntry) -> bool:
        return self._age(entry) >= timedelta(seconds=self.contract.visibility_delay_s)

    def notifications(self, entries: Iterable[LedgerEntry]) -> list[Notification]:
        """Return what was decided in these entries, as the provider reports it."""
        made: list[Notification] = []
        counts: Counter[str] = Counter()
        for entry in entries:
            counts[entry.payment_id] += 1
            if entry.gateway == self.gateway and entry.status is not EntryStatus.OPEN:
                made.append(_notification(entry, counts[entry.payment_id]))
        return made

    # --- writing ------------------------------------------------------------------------------------

    def begin(self, kind: EntryKind, request: ChargeRequest, answer: Outcome, fault: Fault | None = None) -> Outcome:
        """Write an attempt with the answer to it; an approval moves the amount it names."""
        amount_minor = answer.amount_minor if isinstance(answer, Approved) else request.money.amount_minor
        return self._write(kind, request, _said(answer, fault), amount_minor)

    def operate(self, kind: EntryKind, request: OperationRequest, fault: Fault | None = None) -> Outcome:
        """Do what is asked about money held, if the books allow it, and write that down."""
        holding = self._holding(request)
        if holding is None:
            answer = InvalidRequest(code="no_such_payment", message="there is no such payment")
            return self.refuse(kind, request, answer)
        refusal = holding.refusal(kind, request.money.amount_minor, self.contract, self.clock.now())
        if refusal is not None:
            return self.refuse(kind, request, refusal)
        amount_minor = holding.left_minor if kind is EntryKind.VOID else request.money.amount_minor
        return self._write(kind, request, _said(self.approval(request, amount_minor), fault), amount_minor)

    def refuse(self, kind: EntryKind, request: GatewayRequest, answer: Declined | InvalidRequest) -> Outcome:
        """Write a refusal."""
        return self._write(kind, request, answer, request.money.amount_minor)

    def settle(self, entry: LedgerEntry, answer: Approved | Declined) -> LedgerEntry:
        """Write what became of something that was open."""
        settled = replace(entry, status=_status(answer), at=self.clock.now(), answer=_ANSWER.dump_json(answer).decode())
        self.ledger.add(settled)
        return settled

    def still_open(self, reference: str) -> tuple[LedgerEntry, RequiresAction | Pending]:
        """Return what is still to be decided under a caller's reference.

        Raises:
            ValueError: nothing is.
        """
        entry = self.ledger.find_reference(self.gateway, reference)
        answer = None if entry is None else _ANSWER.validate_json(self._up_to_date(entry).answer)
        if entry is None or not isinstance(answer, RequiresAction | Pending):
            raise ValueError(f"{self.gateway}: nothing is to be decided about {reference!r}")
        return entry, answer

    def approval(self, request: GatewayRequest, amount_minor: int) -> Approved:
        """Return an approval of so much, with the provider's own id."""
        return Approved(
            reference=self.reference(request.idempotency_key),
            amount_minor=amount_minor,
            currency=request.money.currency,
            is_partial=isinstance(request, ChargeRequest) and amount_minor < request.money.amount_minor,
        )

    def reference(self, idempotency_key: str) -> str:
        """Return the provider's own id of what was asked for under a key."""
        digest = hashlib.sha256(f"{self.gateway}:{idempotency_key}".encode()).hexdigest()
        return f"{self.gateway}_{digest[:16]}"

    def _write(self, kind: EntryKind, request: GatewayRequest, answer: Outcome, amount_minor: int) -> Outcome:
        about = request if isinstance(request, OperationRequest) else None
        self.ledger.add(
            LedgerEntry(
                gateway=self.gateway,
                kind=kind,
                status=_status(answer),
                reference=request.reference,
                charge_reference=request.reference if about is None else about.charge_reference,
                idempotency_key=request.idempotency_key,
                digest=_digest(request),
                payment_id=request.payment_id,
                amount_minor=amount_minor,
                currency=request.money.currency,
                is_final=about is not None and kind is EntryKind.CAPTURE and self._closes(about),
                at=self.clock.now(),
                answer=_ANSWER.dump_json(answer).decode(),
            )
        )
        return answer

    def _closes(self, capture: OperationRequest) -> bool:
        return capture.is_final or self.contract.capture is not CaptureSupport.MULTIPLE

    def _holding(self, request: OperationRequest) -> Holding | None:
        entries = [
            entry
            for entry in self.ledger.of_payment(request.payment_id)
            if entry.gateway == self.gateway and entry.charge_reference == request.charge_reference
        ]
        begun = [entry for entry in entries if entry.kind.begins and entry.is_done]
        ids = {"", *(self.reference(entry.idempotency_key) for entry in begun)}
        is_same = request.gateway_reference in ids and all(e.currency == request.money.currency for e in begun)
        return Holding.of(entries) if begun and is_same else None

    # --- time ---------------------------------------------------------------------------------------

    def _age(self, entry: LedgerEntry) -> timedelta:
        return self.clock.now() - entry.at

    def _is_in_window(self, entry: LedgerEntry) -> bool:
        window_s = self.contract.idempotency_window_s
        return window_s is not None and self._age(entry) < timedelta(seconds=window_s)

    def _up_to_date(self, entry: LedgerEntry) -> LedgerEntry:
        """Return the entry, or what became of it when the payer's time to act was over."""
        if entry.status is not EntryStatus.OPEN:
            return entry
        answer = _ANSWER.validate_json(entry.answer)
        if not isinstance(answer, RequiresAction) or self.clock.now() < answer.action.expires_at:
            return entry
        return self.settle(entry, CHALLENGE_EXPIRED)


def _said(answer: Outcome, fault: Fault | None) -> Outcome:
    """Return what the provider says of what it did: perhaps nothing yet, perhaps something wrong."""
    if not isinstance(answer, Approved):
        return answer
    match fault:
        case Fault.PENDING:
            return Pending(reference=answer.reference)
        case Fault.WRONG_AMOUNT:
            return replace(answer, amount_minor=answer.amount_minor + 1)
        case _:
            return answer


def _status(answer: Outcome) -> EntryStatus:
    return _STATUS.get(type(answer), EntryStatus.REFUSED)


def _digest(request: GatewayRequest) -> str:
    body = f"{request.reference}|{request.payment_id}|{request.money}"
    if isinstance(request, ChargeRequest):
        body += f"|{request.capture}"
    else:
        body += f"|{request.kind}|{request.charge_reference}|{request.gateway_reference}|{','.join(request.captures)}"
        body += f"|{request.is_final}|{request.reason}"
    return hashlib.sha256(body.encode()).hexdigest()


def _notification(entry: LedgerEntry, number: int) -> Notification:
    kind = NotificationKind.CHARGE if entry.kind.begins else NotificationKind(entry.kind.value)
    outcome = _ANSWER.validate_json(entry.answer)
    return Notification(id=f"evt_{entry.payment_id}_{number}", kind=kind, reference=entry.reference, outcome=outcome)
