"""What hooks added to a payment, and what they decided about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from aegispay.domain.event import Event
from aegispay.domain.event_type import EventType
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.metadata import Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEnriched(Event):
    """A hook added to the payment's metadata; what the merchant attached stays as it was.

    Attributes:
        hook: its name.
        metadata: only what was new.
    """

    hook: str
    metadata: Metadata = field(default_factory=dict)

    type: ClassVar[EventType] = EventType.PAYMENT_ENRICHED


@dataclass(frozen=True, slots=True, kw_only=True)
class HookJudged(Event):
    """A hook's verdict that decided something; it is never asked about the same thing again.

    Attributes:
        hook: its name.
        reason: its words, or why it counts as failed.
        score: how risky the payment looked, 0.0 to 1.0; ``None`` where the hook said nothing of it.
        took_s: how long it took to answer, in seconds.
        has_failed: whether it failed, and this is the verdict that was declared for that.
    """

    hook: str
    kind: HookKind
    verdict: VerdictKind
    reason: str = ""
    score: float | None = None
    took_s: float = 0.0
    has_failed: bool = False

    type: ClassVar[EventType] = EventType.HOOK_JUDGED
