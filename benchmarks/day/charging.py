"""What comes of a charge: the world's shares and the payment's luck, nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from benchmarks.day.traffic import Luck, Payment
from benchmarks.day.world import (
    GATEWAY_DECLINE_HARD_SHARE,
    PAYER_DECLINE_HARD_SHARE,
    PAYER_DECLINE_SHARE,
    Provider,
    TroubleKind,
)

_REFUSED_S = 0.02
"""A refused connection is known at once."""
_EXECUTED_SHARE = 0.5
"""Of the charges that were never answered, as many were made as were not: nobody can tell from outside."""


class Result(Enum):
    """How a charge ended, as far as the caller knows."""

    APPROVED = "approved"
    SOFT_DECLINE = "soft decline"
    HARD_DECLINE = "hard decline"
    NOT_PROCESSED = "not processed"
    UNKNOWN = "unknown"

    @property
    def is_fault(self) -> bool:
        return self in {Result.NOT_PROCESSED, Result.UNKNOWN}

    @property
    def may_go_elsewhere(self) -> bool:
        return self in {Result.NOT_PROCESSED, Result.SOFT_DECLINE}


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one charge.

    Attributes:
        took_s: until the caller knew as much as he will.
        is_paid: whether money moved; of an unknown outcome, what a look-up will bring to light.
    """

    result: Result
    took_s: float
    is_paid: bool


def charge(provider: Provider, payment: Payment, luck: Luck, at: float) -> Answer:
    """Return what comes of this charge at this time of day."""
    timeout_s = provider.contract.timeout_s
    trouble = provider.trouble_at(at)
    slowness = 1.0 if trouble is None else trouble.slowness
    took_s = provider.latency_s * slowness * math.exp(provider.latency_sigma * luck.slowness)
    error_share = provider.error_share_at(at)
    if luck.fault < error_share:
        is_refused = trouble is not None and trouble.kind is TroubleKind.REFUSING
        return Answer(Result.NOT_PROCESSED, _REFUSED_S if is_refused else min(took_s, timeout_s), is_paid=False)
    is_approved = _is_payer_good(payment) and luck.approval < provider.approval_at(payment.segment, at)
    if luck.fault < error_share + provider.hang_share_at(at) or took_s >= timeout_s:
        return Answer(Result.UNKNOWN, timeout_s, is_paid=is_approved and luck.kind < _EXECUTED_SHARE)
    if is_approved:
        return Answer(Result.APPROVED, took_s, is_paid=True)
    return Answer(_decline(payment, luck), took_s, is_paid=False)


def _is_payer_good(payment: Payment) -> bool:
    return payment.payer >= PAYER_DECLINE_SHARE


def _decline(payment: Payment, luck: Luck) -> Result:
    if _is_payer_good(payment):
        is_hard = luck.kind < GATEWAY_DECLINE_HARD_SHARE
    else:
        is_hard = payment.payer_kind < PAYER_DECLINE_HARD_SHARE
    return Result.HARD_DECLINE if is_hard else Result.SOFT_DECLINE


def approval_chance(provider: Provider, payment: Payment, at: float) -> float:
    """Return the true chance that a charge ends approved, as an oracle knows it."""
    works = 1.0 - provider.error_share_at(at) - provider.hang_share_at(at)
    return works * (1.0 - PAYER_DECLINE_SHARE) * provider.approval_at(payment.segment, at)
