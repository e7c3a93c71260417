"""A hook's verdict, as a payment remembers it."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.hook_kind import HookKind, VerdictKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a hook decided about a payment.

    Attributes:
        hook: its name.
        reason: its words, or why it counts as failed.
        score: how risky the payment looked, 0.0 to 1.0; ``None`` where the hook said nothing of it.
        has_failed: whether it failed, and this is the verdict that was declared for that.
    """

    hook: str
    kind: HookKind
    verdict: VerdictKind
    reason: str = ""
    score: float | None = None
    has_failed: bool = False


def review_cause(hook: str, reason: str) -> str:
    """Say which hook wants a person to decide, and why."""
    return f"hook {hook} wants a review: {reason}"
