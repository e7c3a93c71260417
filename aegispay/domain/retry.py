"""When another gateway may be tried: the one rule that decides whether anybody is charged twice."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.limits import refuse, whole
from aegispay.domain.outcome import (
    Declined,
    DeclineKind,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
)

Failed = Declined | NotProcessed | InvalidRequest | GatewayMisconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How far a payment is carried from gateway to gateway.

    Attributes:
        attempts_max: attempts in all; three reach every usual set-up, and issuers punish more.
        failover_on_soft_decline: whether a soft decline may be tried at another gateway.
    """

    attempts_max: int = 3
    failover_on_soft_decline: bool = True

    def __post_init__(self) -> None:
        """Refuse a policy without any attempt.

        Raises:
            ValidationError: naming the setting.
        """
        refuse(whole("retry.attempts_max", self.attempts_max), hint="Correct the RetryPolicy.")


def may_try_another(outcome: Failed, attempts: int, policy: RetryPolicy) -> bool:
    """Return whether another gateway may be tried after `outcome` ended attempt number `attempts`.

    Only outcomes that surely moved no money come here: an unknown outcome has no such question.
    """
    if attempts >= policy.attempts_max:
        return False
    match outcome:
        case NotProcessed() | GatewayMisconfigured():
            return True
        case Declined(kind=DeclineKind.SOFT):
            return policy.failover_on_soft_decline
        case Declined() | InvalidRequest():
            return False
