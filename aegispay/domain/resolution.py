"""How an unknown outcome is settled: what to ask the gateway, what its answer proves, when to ask again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from aegispay.domain.contract import GatewayContract, LookupAuthority
from aegispay.domain.outcome import (
    Approved,
    Declined,
    Duplicate,
    Outcome,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment import Attempt


class Purpose(StrEnum):
    """Why a gateway is called about an attempt."""

    CHARGE = "charge"
    LOOKUP = "lookup"
    RESEND = "resend"


_WINDOW_MARGIN = 0.1
"""The last tenth of a key's window is not used: clocks differ, and a request takes time to arrive."""


def may_resend(contract: GatewayContract, attempt: Attempt, now: datetime) -> bool:
    """Return whether the gateway's idempotency key still protects an identical resend."""
    return now - attempt.started_at < timedelta(seconds=_resends_s(contract))


def _resends_s(contract: GatewayContract) -> float:
    """Return for how long after its start an attempt may be sent again, in seconds."""
    return 0.0 if contract.idempotency_window_s is None else contract.idempotency_window_s * (1 - _WINDOW_MARGIN)


def first_step(contract: GatewayContract, attempt: Attempt, now: datetime) -> Purpose | None:
    """Return how to ask about the attempt; ``None`` when only evidence from outside can settle it."""
    if contract.lookup is not LookupAuthority.NONE:
        return Purpose.LOOKUP
    return Purpose.RESEND if may_resend(contract, attempt, now) else None


def proves_absence(
    contract: GatewayContract, attempt: Attempt, asked_at: datetime, *, start_delay_s: float = 0.0
) -> bool:
    """Return whether "not found" proves that nothing was charged and nothing will be.

    The look-up must be authoritative, and asked so late that even the last send that can have been made would be
    visible: it may have begun `start_delay_s` after it was decided, have been under way until the gateway's timeout,
    and have become visible only after the declared delay.
    """
    latest_s = _resends_s(contract) + start_delay_s + contract.timeout_s + contract.visibility_delay_s
    visible_at = attempt.started_at + timedelta(seconds=latest_s)
    return contract.lookup is LookupAuthority.AUTHORITATIVE and asked_at >= visible_at


def as_evidence(purpose: Purpose, outcome: Outcome) -> Outcome:
    """Return what an answer says about the *attempt*, not about this one call.

    A look-up or resend that was not processed says nothing about the first request, so it stays unknown.
    """
    if purpose is Purpose.CHARGE:
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


CHECK_DELAYS_S: tuple[float, ...] = (1, 2, 5, 10, 30, 60, 300, 900, 3600)
"""Seconds before each further check; the last repeats. Most doubts end in seconds, the rest must not be hammered."""


def check_delay_s(checks: int, delays_s: Sequence[float] = CHECK_DELAYS_S) -> float:
    """Return how long to wait before the check that follows `checks` earlier ones, in seconds."""
    return delays_s[min(checks, len(delays_s) - 1)]
