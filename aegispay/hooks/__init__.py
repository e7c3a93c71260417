"""Hooks: code or data of yours that the engine asks and tells, and that can hurt nothing but its own verdict."""

from aegispay.domain.hook_kind import HookKind
from aegispay.hooks.contexts import (
    CustomContext,
    ErrorContext,
    EventContext,
    LifecycleContext,
    PaymentContext,
    RequestContext,
    TransactionContext,
)
from aegispay.hooks.counting import Count
from aegispay.hooks.hook import Hook
from aegispay.hooks.kinds import Moment, OnFailure, Subject
from aegispay.hooks.measurements import Measurement
from aegispay.hooks.registered import HookReport
from aegispay.hooks.registry import Hooks
from aegispay.hooks.verdicts import (
    Allow,
    Block,
    Cancel,
    Enrich,
    Ignore,
    ManualReview,
    Prefer,
    Refund,
    Refuse,
    RetryAfter,
    Review,
    Verdict,
)

__all__ = [
    "Allow",
    "Block",
    "Cancel",
    "Count",
    "CustomContext",
    "Enrich",
    "ErrorContext",
    "EventContext",
    "Hook",
    "HookKind",
    "HookReport",
    "Hooks",
    "Ignore",
    "LifecycleContext",
    "ManualReview",
    "Measurement",
    "Moment",
    "OnFailure",
    "PaymentContext",
    "Prefer",
    "Refund",
    "Refuse",
    "RequestContext",
    "RetryAfter",
    "Review",
    "Subject",
    "TransactionContext",
    "Verdict",
]
