"""How an unknown outcome is settled: what to ask the gateway, and what its answer proves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aegispay.domain.contract import GatewayContract, LookupAuthority
from aegispay.domain.evidence import Evidence
from aegispay.domain.outcome import (
    Approved,
    Declined,
    Duplicate,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment import Attempt, Payment, Sent


class Purpose(StrEnum):
    """Why a gateway is called about an attempt or operation."""

    SEND = "send"
    LOOKUP = "lookup"
    RESEND = "resend"
    COMPLETE = "complete"

    @property
    def evidence(self) -> Evidence:
        """What the call's answer is evidence of."""
        return Evidence.ANSWER if self is Purpose.SEND else Evidence(self.value)


_WINDOW_MARGIN = 0.1
"""The last tenth of a key's window is not used: clocks differ, and a request takes time to arrive."""


def may_resend(contract: GatewayContract, sent: Sent, now: datetime) -> bool:
    """Return whether the gateway's idempotency key still protects an identical resend."""
    return now - sent.started_at < timedelta(seconds=_resends_s(contract))


def resends_until(contract: GatewayContract, sent: Sent) -> datetime:
    """Return until when it may be sent again, as far as the contract is concerned."""
    return sent.started_at + timedelta(seconds=_resends_s(contract))


def settles_s(contract: GatewayContract, start_delay_s: float) -> float:
    """Return how long after a send was decided its effect may take to show, in seconds."""
    return start_delay_s + contract.timeout_s + contract.visibility_delay_s


def _resends_s(contract: GatewayContract) -> float:
    """Return for how long after its start something may be sent again, in seconds.

    A gateway that stores its failures answers every resend with the same failure, so where a look-up can settle the
    question, resending has to end soon for it to be settled.
    """
    if contract.idempotency_window_s is None or not contract.key_covers_failures:
        return 0.0
    protected_s = contract.idempotency_window_s * (1 - _WINDOW_MARGIN)
    if contract.lookup is LookupAuthority.AUTHORITATIVE:
        return min(protected_s, contract.resend_for_s)
    return protected_s


def first_step(contract: GatewayContract, sent: Sent, now: datetime) -> Purpose | None:
    """Return how to ask about it; ``None`` when only evidence from outside can settle it."""
    if contract.lookup is not LookupAuthority.NONE:
        return Purpose.LOOKUP
    return Purpose.RESEND if may_resend(contract, sent, now) else None


def proves_absence(
    contract: GatewayContract,
    sent: Sent,
    asked_at: datetime,
    *,
    start_delay_s: float = 0.0,
    no_resend_after: datetime | None = None,
) -> bool:
    """Return whether "not found" proves that nothing was done and nothing will be.

    The look-up must be authoritative, and asked so late that even the last send that can have been made would be
    visible: it may have been decided until `no_resend_after`, have begun `start_delay_s` after it was decided, have
    been under way until the gateway's timeout, and have become visible only after the declared delay.
    """
    last_send_at = resends_until(contract, sent)
    if sent.resends_until is not None:
        # It was in doubt before, perhaps under a contract that allowed more than today's.
        last_send_at = max(last_send_at, sent.resends_until)
    if no_resend_after is not None:
        last_send_at = min(last_send_at, max(sent.started_at, no_resend_after))
    if sent.completed_at is not None:
        last_send_at = max(last_send_at, sent.completed_at)
    visible_at = last_send_at + timedelta(seconds=max(sent.settles_s, settles_s(contract, start_delay_s)))
    return contract.lookup is LookupAuthority.AUTHORITATIVE and asked_at >= visible_at


def contradicts_absence(payment: Payment, sent: Sent) -> bool:
    """Return whether the gateway has said before that it has the request, so that "not found" proves nothing."""
    if sent.reference is not None:
        return True
    return any(i.reason is Reason.AMOUNT_MISMATCH and i.id.startswith(sent.id) for i in payment.incidents)


def as_evidence(purpose: Purpose, outcome: Outcome) -> Outcome:
    """Return what an answer says about what was *sent*, not about this one call.

    A look-up or resend that was not processed says nothing about the first request, so it stays unknown.
    """
    if purpose is Purpose.SEND:
        return outcome
    match outcome:
        case Approved() | Declined() | RequiresAction() | Pending() | OutcomeUnknown():
            return outcome
        case Duplicate() as duplicate:
            return OutcomeUnknown(reason=Reason.DUPLICATE_REFERENCE, message=duplicate.message)
        case _:
            return OutcomeUnknown(
                reason=outcome.reason,
                code=outcome.code,
                message=f"the {purpose} gave no answer about the payment: {outcome.message}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The circumstances in which a gateway said "not found".

    Attributes:
        asked_at: when it was asked, by the clock that makes that earliest; ``None`` if it never was.
        is_alone: whether nothing that was sent before can still be on its way.
        may_send_again: whether the identical request may be sent once more, as far as the payment is concerned.
        start_delay_s: how long after it was decided a send may have begun.
    """

    asked_at: datetime | None
    is_alone: bool
    may_send_again: bool
    start_delay_s: float


def judge_absence(
    contract: GatewayContract, payment: Payment, sent: Sent, asked: Asked, now: datetime
) -> Outcome | Purpose | None:
    """Return what "not found" says: proof of absence, another question, or nothing yet."""
    if not sent.status.is_open:
        return None
    if asked.may_send_again and may_resend(contract, sent, now):
        return Purpose.RESEND
    is_proof = (
        asked.asked_at is not None
        and asked.is_alone
        and not contradicts_absence(payment, sent)
        and proves_absence(
            contract,
            sent,
            asked.asked_at,
            start_delay_s=asked.start_delay_s,
            # Who has cancelled is not charged by a resend, so none was decided since.
            no_resend_after=payment.cancel_requested_at if isinstance(sent, Attempt) else None,
        )
    )
    if is_proof:
        return NotProcessed(reason=Reason.NEVER_RECEIVED, message="the gateway has no record of the request")
    return OutcomeUnknown(
        reason=Reason.TIMEOUT, message="the gateway does not show the request, which proves nothing yet"
    )
