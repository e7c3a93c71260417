"""Whether there is anybody to ask: looked at for every payment, so it is kept ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aegispay.domain.hook_kind import HookKind
from aegispay.hooks.kinds import Subject
from aegispay.hooks.registered import Registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Interests:
    """What enabled hooks are interested in.

    Attributes:
        requests: new requests. transactions: new captures and refunds. payments: payments before their first attempt.
        routing: which gateway. errors: what went wrong. news: what has happened. operations: calls.
    """

    requests: bool = False
    transactions: bool = False
    payments: bool = False
    routing: bool = False
    errors: bool = False
    news: bool = False
    operations: bool = False


def interests_of(enabled: Mapping[HookKind, tuple[Registered, ...]]) -> Interests:
    """Return what the enabled hooks are interested in."""

    def any_of(*kinds: HookKind) -> bool:
        return any(enabled.get(kind) for kind in kinds)

    subjects = {each.hook.subject for each in enabled.get(HookKind.CUSTOM_VALIDATION, ())}
    return Interests(
        requests=any_of(HookKind.PRE_VALIDATION, HookKind.ENRICHMENT)
        or not subjects.isdisjoint({Subject.PAYMENT, Subject.CUSTOMER}),
        transactions=Subject.TRANSACTION in subjects,
        payments=any_of(HookKind.POST_VALIDATION, HookKind.FRAUD_CHECK),
        routing=any_of(HookKind.ROUTING_STRATEGY),
        errors=any_of(HookKind.ERROR_HANDLER),
        news=any_of(HookKind.EVENT_LISTENER, HookKind.METRICS_COLLECTOR),
        operations=any_of(HookKind.LIFECYCLE),
    )
