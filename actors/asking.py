"""Asking a gateway: the first send, the questions about it, and what an answer says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from aegispay.actors.answers import Answer
from aegispay.actors.calls import CallResult, GatewayCall
from aegispay.actors.errors import ActorDeadError, MailboxFullError
from aegispay.actors.gateway import PlaceCall
from aegispay.actors.gateway_requests import gateway_of, gateway_request
from aegispay.actors.services import GatewayEntry, PaymentServices
from aegispay.domain import commands as c
from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.delays import check_delay_s
from aegispay.domain.evidence import Evidence
from aegispay.domain.keys import request_digest
from aegispay.domain.outcome import Approved, NotProcessed, Outcome, OutcomeUnknown, Pending, Reason
from aegispay.domain.payment import Attempt, Operation, Payment, Sent
from aegispay.domain.resolution import (
    Asked,
    Purpose,
    as_evidence,
    first_step,
    judge_absence,
    may_resend,
    resends_until,
    settles_s,
)
from aegispay.domain.state import OperationKind
from aegispay.errors import EngineFailedError
from aegispay.ports import NotFound

_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})
_QUESTIONS = frozenset({Purpose.LOOKUP, Purpose.RESEND})
_COMES_AGAIN = frozenset({Reason.BULKHEAD_FULL, Reason.RATE_LIMITED, Reason.BREAKER_OPEN, Reason.NOT_SENT})
"""Why a call that was not made may be made soon."""


class Asking:
    """The calls about any payment's attempts and operations; it holds no payment's state."""

    __slots__ = ("_services",)

    def __init__(self, services: PaymentServices) -> None:
        self._services = services

    def contract(self, payment: Payment, sent: Sent) -> GatewayContract | None:
        """Return what the gateway concerned declares; ``None`` when it is not registered."""
        entry = self._services.gateways.get(gateway_of(payment, sent))
        return None if entry is None else entry.gateway.contract

    def is_under_way(self, sent: Sent) -> bool:
        """Return whether a call about it is running, may still start, or has a result to be handled."""
        return self._services.calls.is_under_way(sent.id)

    # --- asking -------------------------------------------------------------------------------------

    def place(
        self, payment: Payment, sent: Sent, purpose: Purpose, parameters: Mapping[str, str] = _NO_PARAMETERS
    ) -> None:
        """Hand the call to the gateway's actor; whatever becomes of it is delivered to the payment."""
        services = self._services
        if services.is_halted():
            return
        name = gateway_of(payment, sent)
        entry = services.gateways.get(name)
        timeout_s = 0.0 if entry is None else entry.gateway.contract.timeout_s
        call = GatewayCall(
            payment_id=payment.id,
            operation_id=sent.id,
            purpose=purpose,
            request=gateway_request(payment, sent, timeout_s),
            start_before=services.clock.monotonic() + services.config.answer_grace_s,
            parameters=parameters,
            trace=payment.trace,
        )
        services.calls.announce(call)
        refusal = _not_offered(entry.gateway.contract, sent, name, purpose) if entry is not None else _not_there(name)
        if entry is not None and refusal is None:
            refusal = self._hand_over(entry, call)
        if refusal is not None:
            services.deliver(CallResult(call=call, gateway=name, answer=refusal))

    def _hand_over(self, entry: GatewayEntry, call: GatewayCall) -> NotProcessed | None:
        name, services = entry.gateway.name, self._services
        waiting, grace_s = services.calls.waiting, services.config.answer_grace_s
        if call.purpose in _QUESTIONS and not waiting.has_room(name, grace_s):
            return NotProcessed(reason=Reason.BULKHEAD_FULL, message=f"{name} has more calls waiting than can begin")
        try:
            entry.ref.tell(PlaceCall(call))
        except (MailboxFullError, ActorDeadError, EngineFailedError):
            return NotProcessed(reason=Reason.BULKHEAD_FULL, message=f"{name} takes no calls now")
        waiting.add(name, call.operation_id)
        return None

    def put_off(self, payment: Payment, result: CallResult) -> bool:
        """Leave a payment alone for a while whose question was not even asked; return whether that is what happened.

        It says nothing about the payment, so nothing is written, and the durable timer stays as it is.
        """
        if result.call.purpose not in _QUESTIONS or result.asked_at is not None or not was_refused(result.answer):
            return False
        first_s = check_delay_s(0, self._services.config.check_delays_s)
        at_least_s = getattr(result.answer, "retry_after_s", None) or 0.0
        self._services.calls.pauses.grow(payment.id, result.gateway, first_s, at_least_s=at_least_s)
        return True

    def question(self, payment: Payment, sent: Sent, begun_s: float | None) -> Purpose | None:
        """Return how the gateway can be asked what became of it; ``None`` when it cannot."""
        contract = self.contract(payment, sent)
        if contract is None:
            return None
        step = first_step(contract, sent, self._services.now())
        if step is Purpose.RESEND and (sent.reference or not self._may_resend(payment, sent, contract, begun_s)):
            return None
        return step

    def _may_resend(self, payment: Payment, sent: Sent, contract: GatewayContract, begun_s: float | None) -> bool:
        now = self._age_at(sent, self._services.now(), self._services.clock.monotonic(), begun_s, later=True)
        return now >= sent.started_at and _may_send_again(payment, sent) and may_resend(contract, sent, now)

    @staticmethod
    def _age_at(sent: Sent, wall: datetime, monotonic: float, begun_s: float | None, *, later: bool) -> datetime:
        """Return the time by whichever clock is more careful: the wall clock may jump, this process's may not."""
        if begun_s is None:
            return wall
        steady = sent.started_at + timedelta(seconds=monotonic - begun_s)
        return max(wall, steady) if later else min(wall, steady)

    # --- what an answer means -----------------------------------------------------------------------

    def interpret(
        self, payment: Payment, sent: Sent, result: CallResult, begun_s: float | None
    ) -> Outcome | Purpose | None:
        """Return what an answer says about what was sent, or which question comes next, or ``None`` for nothing.

        Args:
            payment: whose it is.
            sent: which attempt or operation the answer is about.
            result: the answer.
            begun_s: monotonic seconds at its start, if this process made it: the wall clock may jump.
        """
        if not isinstance(result.answer, NotFound):
            return self._meaning(sent, result, result.answer)
        contract = self.contract(payment, sent)
        if contract is None:
            return None
        services = self._services
        now = self._age_at(sent, services.now(), services.clock.monotonic(), begun_s, later=True)
        asked_at = result.asked_at
        if asked_at is not None:
            # By when the question was asked: what the provider saw then, later times cannot change.
            asked_at = self._age_at(sent, asked_at, result.asked_s, begun_s, later=False)
        asked = Asked(
            asked_at=asked_at,
            is_alone=result.is_alone and self._is_late_enough(contract, sent, result),
            # A gateway that has answered before answers a resend with the same words.
            may_send_again=not sent.reference and now >= sent.started_at and _may_send_again(payment, sent),
            start_delay_s=2 * services.config.answer_grace_s,
        )
        return judge_absence(contract, payment, sent, asked, now)

    def _is_late_enough(self, contract: GatewayContract, sent: Sent, result: CallResult) -> bool:
        """Whether all that this process has sent would have shown: it may have been stalled before it wrote."""
        calls = self._services.calls
        if calls.is_lingering(sent.id):
            return False
        ended_s = calls.last_send_ended_s(sent.id)
        return ended_s is None or result.asked_s >= ended_s + contract.timeout_s + contract.visibility_delay_s

    def _settles_s(self, contract: GatewayContract, sent: Sent) -> float:
        """Return how long after a send was decided its effect may take to show, by today's contract and its deadline.

        The deadline was set under the contract it was sent under; an operation may have waited until then.
        """
        grace_s = 2 * self._services.config.answer_grace_s
        by_deadline_s = 0.0
        if sent.unknown_since is None and sent.completed_at is None:
            waits_s = (sent.next_check_at - sent.started_at).total_seconds()
            by_deadline_s = waits_s + contract.visibility_delay_s
            if isinstance(sent, Operation):
                by_deadline_s += contract.timeout_s
        return max(settles_s(contract, grace_s), by_deadline_s)

    def _meaning(self, sent: Sent, result: CallResult, answer: Outcome) -> Outcome | None:
        if not isinstance(answer, Approved) and self._services.calls.is_running(sent.id):
            # A late answer to a send that was given up: the call that runs now has the last word.
            return None
        # Only the answer to the one and only send says what became of it. Once others may have been made, or the
        # gateway has a record of it, "this one was not processed" proves nothing.
        is_only = result.call.purpose is not Purpose.SEND or sent.is_first_hand
        return as_evidence(result.call.purpose if is_only else Purpose.RESEND, answer)

    def record(
        self,
        payment: Payment,
        sent: Sent,
        outcome: Outcome,
        evidence: Evidence,
        detail: str = "",
    ) -> c.RecordOutcome | c.RecordOperation:
        """Return the command that takes an outcome in, with the times that may follow from it."""
        services = self._services
        contract = self.contract(payment, sent)
        if isinstance(outcome, Approved) and outcome.is_partial and not (contract and contract.partial_authorization):
            # What the gateway does not declare is no offer but a disagreement.
            outcome = replace(outcome, is_partial=False)
        checks = 0 if sent.unknown_since is None else sent.checks + 1
        delays_s = services.config.check_delays_s
        is_for_others = isinstance(outcome, OutcomeUnknown) and outcome.reason is Reason.CANNOT_BE_ASKED
        next_check_at = services.later(delays_s[-1] if is_for_others else check_delay_s(checks, delays_s))
        bounds: dict[str, Any] = {
            "resends_until": None if contract is None else resends_until(contract, sent),
            "settles_s": 0.0 if contract is None else self._settles_s(contract, sent),
        }
        if isinstance(sent, Operation):
            return c.RecordOperation(
                at=services.now(),
                operation_id=sent.id,
                outcome=outcome,
                next_check_at=next_check_at,
                evidence=evidence,
                detail=detail,
                **bounds,
            )
        validity_s = (GatewayContract() if contract is None else contract).authorization_validity_s
        return c.RecordOutcome(
            at=services.now(),
            operation_id=sent.id,
            outcome=outcome,
            evidence=evidence,
            detail=detail,
            policy=services.settings.of(payment).retry,
            next_check_at=next_check_at,
            authorization_expires_at=services.later(validity_s),
            **bounds,
        )


def was_refused(answer: Answer) -> bool:
    """Return whether the answer to a call that was not made says that it may be made soon."""
    return isinstance(answer, NotProcessed) and answer.reason in _COMES_AGAIN


def undecided(sent: Sent) -> Pending:
    """Return what is known of an attempt whose payer's time is over, where the gateway cannot say whether he acted."""
    return Pending(reference=sent.reference or sent.id)


def _may_send_again(payment: Payment, sent: Sent) -> bool:
    """Return whether the identical request may leave again: nobody has cancelled it, and it is still identical."""
    if isinstance(sent, Operation):
        return True
    digest = request_digest(sent.operation_id, sent.idempotency_key, payment.fingerprint)
    return not payment.is_cancel_requested and digest == sent.request_digest


def _not_offered(contract: GatewayContract, sent: Sent, name: str, purpose: Purpose) -> NotProcessed | None:
    if isinstance(sent, Attempt) or purpose is Purpose.LOOKUP:
        return None
    match sent.kind:
        case OperationKind.CAPTURE:
            is_offered = contract.capture is not CaptureSupport.NONE
        case OperationKind.VOID:
            is_offered = contract.void
        case OperationKind.REFUND:
            is_offered = contract.refund
    return None if is_offered else NotProcessed(reason=Reason.UNSUPPORTED, message=f"{name} offers no {sent.kind}")


def _not_there(name: str) -> NotProcessed:
    return NotProcessed(reason=Reason.NOT_SENT, message=f"{name} is not registered")
