"""What is fixed for each kind of hook: how an object's method is called, what it may answer, what its failure means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.hook_kind import HookKind
from aegispay.hooks import verdicts as v


class OnFailure(StrEnum):
    """What it means when a hook raises, answers nonsense, or does not answer in time."""

    OPEN = "open"
    CLOSED = "closed"


class Subject(StrEnum):
    """What a custom validation is about.

    `PAYMENT`: each new payment. `CUSTOMER`: each new payment that names its customer. `TRANSACTION`: each new capture
    and refund. `CUSTOM`: whatever the host validates with it by `hooks.validate`.
    """

    PAYMENT = "payment"
    CUSTOMER = "customer"
    TRANSACTION = "transaction"
    CUSTOM = "custom"


class Moment(StrEnum):
    """When a lifecycle hook runs."""

    BEFORE = "before"
    AFTER = "after"


OPERATIONS = ("create", "process", "capture", "cancel", "refund", "complete_action", "resolve")
"""What lifecycle hooks can stand around; `pay` is ``create`` and ``process``."""


@dataclass(frozen=True, slots=True)
class KindRules:
    """What holds for a kind.

    Attributes:
        method: the method of an object that is given as a hook.
        verdicts: what it may answer; empty when nobody looks at the answer.
        may_be_silent: whether ``None`` is an answer.
        on_failure: what a failure means unless the hook declares something; ``None`` when it has to.
        may_close: whether a failure can be declared to refuse.
    """

    method: str
    verdicts: tuple[type, ...] = ()
    may_be_silent: bool = True
    on_failure: OnFailure | None = OnFailure.OPEN
    may_close: bool = False


_VALIDATION = KindRules("validate", (v.Allow, v.Refuse, v.Ignore), on_failure=OnFailure.CLOSED, may_close=True)

RULES: dict[HookKind, KindRules] = {
    HookKind.PRE_VALIDATION: _VALIDATION,
    HookKind.POST_VALIDATION: _VALIDATION,
    HookKind.CUSTOM_VALIDATION: _VALIDATION,
    HookKind.FRAUD_CHECK: KindRules(
        "check", (v.Allow, v.Block, v.Review), may_be_silent=False, on_failure=None, may_close=True
    ),
    HookKind.ROUTING_STRATEGY: KindRules("choose", (v.Prefer, v.Ignore)),
    HookKind.ENRICHMENT: KindRules("enrich", (v.Enrich, v.Ignore)),
    HookKind.EVENT_LISTENER: KindRules("hear"),
    HookKind.METRICS_COLLECTOR: KindRules("collect"),
    HookKind.ERROR_HANDLER: KindRules("handle", (v.RetryAfter, v.Refund, v.ManualReview, v.Cancel, v.Ignore)),
    HookKind.LIFECYCLE: KindRules("run", (v.Allow, v.Refuse, v.Ignore), on_failure=OnFailure.CLOSED, may_close=True),
}

TOLD = frozenset({HookKind.EVENT_LISTENER, HookKind.METRICS_COLLECTOR})
"""Nobody waits for these."""
