"""What may be done after a failure, and which kinds of failure there are."""

from __future__ import annotations

from enum import StrEnum

from aegispay.domain.outcome import (
    Declined,
    DeclineKind,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    Reason,
)

Failed = Declined | NotProcessed | InvalidRequest | GatewayMisconfigured
"""Surely not executed. An unknown outcome is none of these: it has no next attempt to ask about."""


class RetryAction(StrEnum):
    """What follows a failed attempt."""

    FAIL = "fail"
    OTHER_GATEWAY = "other_gateway"
    SAME_GATEWAY_LATER = "same_gateway_later"
    ANY_GATEWAY_LATER = "any_gateway_later"

    @property
    def is_later(self) -> bool:
        """Whether the payment waits first."""
        return self in {RetryAction.SAME_GATEWAY_LATER, RetryAction.ANY_GATEWAY_LATER}


class FailureClass(StrEnum):
    """The kind of an outcome, as a rule names it."""

    DECLINED = "declined"
    NOT_PROCESSED = "not_processed"
    INVALID_REQUEST = "invalid_request"
    MISCONFIGURED = "misconfigured"


SAME_CARD_LATER = frozenset({Reason.INSUFFICIENT_FUNDS, Reason.LIMIT_EXCEEDED})
"""What the payer's account may allow some days later without anybody doing anything."""


def why_barred(outcome: Failed, action: RetryAction) -> str | None:
    """Return why no table may do this after `outcome`, or ``None`` if one may.

    Attempts after a final answer cost fees, and are what card networks forbid. They are not a matter of policy.
    """
    match outcome:
        case _ if action is RetryAction.FAIL:
            return None
        case NotProcessed() | GatewayMisconfigured() | Declined(kind=DeclineKind.SOFT):
            return None
        case InvalidRequest():
            return "the request itself was refused, and the next one would be the same"
        case Declined(kind=DeclineKind.CUSTOMER_FIXABLE, reason=reason) if (
            action.is_later and reason in SAME_CARD_LATER
        ):
            return None
        case Declined(kind=kind):
            return f"a decline of the kind {kind.value} is final for this payment method"
