"""The policy in words: what would follow one failure, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from aegispay.domain.outcome import (
    Declined,
    DeclineKind,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    Reason,
)
from aegispay.domain.payment_method import Card
from aegispay.domain.retry.action import Failed
from aegispay.domain.retry.networks import Network
from aegispay.domain.retry.policy import RetryPolicy
from aegispay.domain.retry.step import Fail, Situation, Step, TryAt, next_step

_SOFT = frozenset({Reason.DO_NOT_HONOR, Reason.ISSUER_UNAVAILABLE, Reason.DECLINED_OTHER})
_PAYERS = frozenset(
    {
        Reason.INSUFFICIENT_FUNDS,
        Reason.EXPIRED_CARD,
        Reason.INCORRECT_CVC,
        Reason.INVALID_METHOD,
        Reason.LIMIT_EXCEEDED,
    }
)
_HARD = frozenset({Reason.LOST_CARD, Reason.STOLEN_CARD, Reason.AUTHORIZATION_EXPIRED})
_NOT_PROCESSED = frozenset(
    {
        Reason.NOT_SENT,
        Reason.BREAKER_OPEN,
        Reason.BULKHEAD_FULL,
        Reason.RATE_LIMITED,
        Reason.GATEWAY_DISABLED,
        Reason.GATEWAY_UNAVAILABLE,
        Reason.NEVER_RECEIVED,
        Reason.UNSUPPORTED,
    }
)
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3_600.0, 86_400.0


def usual_outcome(
    reason: Reason, *, code: str = "", kind: DeclineKind | None = None, advice: str = ""
) -> Failed | None:
    """Return the failure that a reason usually stands for; ``None`` for what is no definite failure of an attempt.

    Args:
        reason: why.
        code: the gateway's own code.
        kind: of a decline, where the gateway's table says something unusual.
        advice: the network's code.
    """
    if kind is None:
        if reason in _NOT_PROCESSED:
            return NotProcessed(reason=reason, code=code)
        if reason is Reason.BAD_CREDENTIALS:
            return GatewayMisconfigured(code=code)
        if reason is Reason.REJECTED_REQUEST:
            return InvalidRequest(code=code)
        kind = _usual_kind(reason)
    return None if kind is None else Declined(kind=kind, reason=reason, code=code, advice=advice)


def _usual_kind(reason: Reason) -> DeclineKind | None:
    if reason in _SOFT:
        return DeclineKind.SOFT
    if reason in _PAYERS:
        return DeclineKind.CUSTOMER_FIXABLE
    if reason in _HARD:
        return DeclineKind.HARD
    return {
        Reason.AUTHENTICATION_FAILED: DeclineKind.AUTHENTICATION,
        Reason.FRAUD_SUSPECTED: DeclineKind.RISK,
    }.get(reason)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would follow a failure.

    Attributes:
        row: name of the row that decides. conditions: when it holds.
        steps: what follows each attempt in turn, until the payment ends.
    """

    row: str
    conditions: str
    steps: tuple[Step, ...]


def explain(policy: RetryPolicy, outcome: Failed, *, gateway: str, network: Network | None = None) -> Explanation:
    """Return what follows if every attempt of a payment ends like this."""
    name, rule = policy.rule_for(outcome, gateway)
    began_at = at = datetime(2000, 1, 1, tzinfo=UTC)
    method = Card(token="tok_any", brand=None if network is None else network.value)  # noqa: S106 - no secret
    steps: list[Step] = []
    for attempts in range(1, policy.attempts_max + 1):
        situation = Situation(
            payment_id="any", method=method, gateway=gateway, attempts=attempts, began_at=began_at, at=at
        )
        step = next_step(outcome, policy, situation)
        steps.append(step)
        if isinstance(step, Fail):
            break
        at = step.at if isinstance(step, TryAt) else at
    return Explanation(name, rule.conditions(), tuple(steps))


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    for unit_s, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds >= unit_s:
            return _counted(seconds / unit_s, name)
    return _counted(seconds, "second")


def _counted(number: float, name: str) -> str:
    shown = f"{number:.1f}".removesuffix(".0")
    return f"{shown} {name}" if shown == "1" else f"{shown} {name}s"
