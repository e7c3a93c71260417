"""What a gateway call came to, on two axes: was it executed, and why.

A decline is an outcome, not an exception; a timeout is a third thing, and never a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field


class Executed(StrEnum):
    """Whether the gateway carried the request out."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class DeclineKind(StrEnum):
    """Who can do something about a decline: `hard` nobody, `soft` time or another gateway, the rest the payer."""

    HARD = "hard"
    SOFT = "soft"
    CUSTOMER_FIXABLE = "customer_fixable"
    AUTHENTICATION = "authentication"
    RISK = "risk"


class Reason(StrEnum):
    """Why an outcome is what it is: a closed list, the same for every gateway."""

    # declines
    DO_NOT_HONOR = "do_not_honor"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LOST_CARD = "lost_card"
    STOLEN_CARD = "stolen_card"
    EXPIRED_CARD = "expired_card"
    INCORRECT_CVC = "incorrect_cvc"
    INVALID_METHOD = "invalid_method"
    LIMIT_EXCEEDED = "limit_exceeded"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    AUTHENTICATION_FAILED = "authentication_failed"
    FRAUD_SUSPECTED = "fraud_suspected"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    DECLINED_OTHER = "declined_other"
    # surely not executed
    NOT_SENT = "not_sent"
    BREAKER_OPEN = "breaker_open"
    BULKHEAD_FULL = "bulkhead_full"
    RATE_LIMITED = "rate_limited"
    GATEWAY_DISABLED = "gateway_disabled"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"
    NEVER_RECEIVED = "never_received"
    # not known
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    GATEWAY_FAULT = "gateway_fault"
    UNREADABLE_ANSWER = "unreadable_answer"
    INTERRUPTED = "interrupted"
    CANNOT_BE_ASKED = "cannot_be_asked"
    PENDING = "pending"
    DUPLICATE_REFERENCE = "duplicate_reference"
    AMOUNT_MISMATCH = "amount_mismatch"
    LATE_APPROVAL = "late_approval"
    CONFLICTING_ANSWER = "conflicting_answer"
    IN_PROGRESS = "in_progress"
    CHARGEBACK = "chargeback"
    CANCEL_NOT_EXECUTED = "cancel_not_executed"
    UNKNOWN_OPERATION = "unknown_operation"
    # our side
    UNSUPPORTED = "unsupported"
    REJECTED_REQUEST = "rejected_request"
    BAD_CREDENTIALS = "bad_credentials"
    # before any gateway
    NO_ELIGIBLE_GATEWAY = "no_eligible_gateway"
    NETWORK_CAP_REACHED = "network_cap_reached"
    RETRY_DEADLINE_PASSED = "retry_deadline_passed"
    RISK_REFUSED = "risk_refused"
    VALIDATION_REFUSED = "validation_refused"
    ACTION_FAILED = "action_failed"
    ACTION_EXPIRED = "action_expired"
    OPERATOR_VERDICT = "operator_verdict"
    # a hook
    REVIEW_WANTED = "review_wanted"


class ActionKind(StrEnum):
    """What the payer has to do."""

    REDIRECT = "redirect"
    CLIENT_SDK = "client_sdk"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """What the payer must do before the payment can go on.

    Attributes:
        kind: redirect to `url`, run the gateway's client SDK with `payload`, or just wait.
        expires_at: aware UTC; after it the action counts as failed.
    """

    kind: ActionKind
    url: str | None = None
    payload: str | None = None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The gateway authorized or charged the amount.

    Attributes:
        reference: the gateway's id of the payment, or of the capture, void or refund.
        amount_minor: what the gateway says it approved, in minor units of `currency`.
        is_partial: the gateway says itself that it authorized less than was asked.
    """

    type: Literal["approved"] = "approved"
    reference: str
    amount_minor: int
    currency: str
    is_partial: bool = False

    executed = Executed.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiresAction:
    """The gateway wants the payer first (3-D Secure, redirect)."""

    type: Literal["requires_action"] = "requires_action"
    reference: str
    action: NextAction

    executed = Executed.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The gateway accepted the request and will know later."""

    type: Literal["pending"] = "pending"
    reference: str

    executed = Executed.UNKNOWN
    reason = Reason.PENDING
    message = "the gateway accepted the request and has not decided yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The issuer or the gateway said no. Nothing was charged.

    Attributes:
        code: the gateway's own code, unchanged.
        message: safe to show; never contains card data.
        retry_after_s: earliest useful retry in seconds, where the gateway advised one.
        advice: the card network's own advice code, two digits, where the gateway passes it on.
    """

    type: Literal["declined"] = "declined"
    kind: DeclineKind
    reason: Reason
    code: str = ""
    message: str = ""
    retry_after_s: float | None = None
    advice: str = ""

    executed = Executed.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProcessed:
    """Provably not executed: nothing reached the gateway, or it said so itself."""

    type: Literal["not_processed"] = "not_processed"
    reason: Reason
    code: str = ""
    message: str = ""
    retry_after_s: float | None = None

    executed = Executed.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """The request may or may not have been executed. Never failure, never failover."""

    type: Literal["unknown"] = "unknown"
    reason: Reason
    code: str = ""
    message: str = ""

    executed = Executed.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRequest:
    """The gateway refused the request as malformed: our bug or an unsupported feature."""

    type: Literal["invalid_request"] = "invalid_request"
    reason: Reason = Reason.REJECTED_REQUEST
    code: str = ""
    message: str = ""

    executed = Executed.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMisconfigured:
    """Credentials, permissions or account settings are wrong: an operator must act."""

    type: Literal["misconfigured"] = "misconfigured"
    reason: Reason = Reason.BAD_CREDENTIALS
    code: str = ""
    message: str = ""

    executed = Executed.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The gateway already knows our reference: what happened then has to be looked up."""

    type: Literal["duplicate"] = "duplicate"
    reference: str | None = None

    executed = Executed.UNKNOWN
    reason = Reason.DUPLICATE_REFERENCE
    message = "the gateway has seen this request before"


FailedOutcome = Annotated[Declined | NotProcessed | InvalidRequest | GatewayMisconfigured, Field(discriminator="type")]
"""Definitely not executed."""

UnknownOutcome = Annotated[OutcomeUnknown | Pending | Duplicate, Field(discriminator="type")]
"""Not definite: the same gateway has to be asked again."""

Outcome = (
    Approved
    | RequiresAction
    | Pending
    | Declined
    | NotProcessed
    | OutcomeUnknown
    | InvalidRequest
    | GatewayMisconfigured
    | Duplicate
)
"""Everything a gateway call can come to."""


_NO_FAULT_OF_ITS = frozenset(
    {Reason.BREAKER_OPEN, Reason.BULKHEAD_FULL, Reason.RATE_LIMITED, Reason.GATEWAY_DISABLED, Reason.UNSUPPORTED}
)
"""Why a gateway was not asked, or could not do what it never claimed to."""


def counts_against_gateway(outcome: Outcome) -> bool:
    """Whether the outcome is the gateway's own fault, so that health and breaker should see it.

    Declines, payer errors and our own malformed requests never count; timeouts do.
    """
    match outcome:
        case OutcomeUnknown() | GatewayMisconfigured():
            return True
        case NotProcessed(reason=reason):
            return reason not in _NO_FAULT_OF_ITS
        case Approved() | RequiresAction() | Pending() | Declined() | InvalidRequest() | Duplicate():
            return False
