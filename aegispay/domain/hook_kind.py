"""The ten kinds of hooks, and what a verdict can be."""

from __future__ import annotations

from enum import StrEnum


class HookKind(StrEnum):
    """What a hook is asked about, or told."""

    PRE_VALIDATION = "pre_validation"
    POST_VALIDATION = "post_validation"
    FRAUD_CHECK = "fraud_check"
    ROUTING_STRATEGY = "routing_strategy"
    ENRICHMENT = "enrichment"
    EVENT_LISTENER = "event_listener"
    METRICS_COLLECTOR = "metrics_collector"
    ERROR_HANDLER = "error_handler"
    CUSTOM_VALIDATION = "custom_validation"
    LIFECYCLE = "lifecycle"


class VerdictKind(StrEnum):
    """Verdicts that stand in the log, because they decided something or say how risky a payment looked."""

    ALLOW = "allow"
    REFUSE = "refuse"
    BLOCK = "block"
    REVIEW = "review"
    RETRY_AFTER = "retry_after"
    REFUND = "refund"
    MANUAL_REVIEW = "manual_review"
    CANCEL = "cancel"


JUDGES = frozenset({HookKind.POST_VALIDATION, HookKind.FRAUD_CHECK})
"""Kinds whose verdict comes before a payment's first attempt, once."""
