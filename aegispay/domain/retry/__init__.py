"""What follows a failed attempt: the rules that decide whether anybody is charged twice, and when nobody is asked."""

from __future__ import annotations

from aegispay.domain.retry.action import Failed, FailureClass, RetryAction, why_barred
from aegispay.domain.retry.advice import ADVICE, Advice, AdviceKind, advice_of
from aegispay.domain.retry.backoff import Backoff
from aegispay.domain.retry.budget import BudgetBook, RetryBudget
from aegispay.domain.retry.lint import lint
from aegispay.domain.retry.networks import NETWORK_CAPS, Network, NetworkCap, instrument_key, network_of
from aegispay.domain.retry.policy import RetryPolicy
from aegispay.domain.retry.rules import DEFAULT_RULES, RetryRule
from aegispay.domain.retry.step import (
    Fail,
    Situation,
    Step,
    TryAt,
    TryNow,
    is_repeatable,
    left_s,
    next_step,
    wished_step,
)

__all__ = [
    "ADVICE",
    "DEFAULT_RULES",
    "NETWORK_CAPS",
    "Advice",
    "AdviceKind",
    "Backoff",
    "BudgetBook",
    "Fail",
    "Failed",
    "FailureClass",
    "Network",
    "NetworkCap",
    "RetryAction",
    "RetryBudget",
    "RetryPolicy",
    "RetryRule",
    "Situation",
    "Step",
    "TryAt",
    "TryNow",
    "advice_of",
    "instrument_key",
    "is_repeatable",
    "left_s",
    "lint",
    "network_of",
    "next_step",
    "why_barred",
    "wished_step",
]
