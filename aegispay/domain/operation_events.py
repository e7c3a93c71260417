"""Facts about captures, voids and refunds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from aegispay.domain.event import Event
from aegispay.domain.event_type import EventType
from aegispay.domain.outcome import FailedOutcome, UnknownOutcome
from aegispay.domain.state import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEvent(Event):
    """Something about one capture, void or refund."""

    kind: OperationKind
    operation_id: str

    step: ClassVar[str]

    @property
    def type(self) -> EventType:
        """The stored name, from the kind of operation and what happened to it."""
        return OPERATION_TYPES[self.kind, self.step]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequested(OperationEvent):
    """The amount is reserved; on disk before the gateway is called.

    Attributes:
        idempotency_key: the key the gateway sees.
        final: for a capture, whether the rest of the authorization is given up.
        key: the idempotency key of whoever asked; empty for what the engine does by itself.
        is_rest: whether all that was left was asked for, rather than this amount.
        reason: the asker's words.
    """

    amount_minor: int
    idempotency_key: str
    deadline_at: datetime
    final: bool = True
    key: str = ""
    is_rest: bool = False
    reason: str = ""

    step = "requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSucceeded(OperationEvent):
    """The gateway carried the operation out.

    Attributes:
        evidence: where the certainty comes from, see `Evidence`. detail: an operator's words.
    """

    reference: str
    evidence: str = "answer"
    detail: str = ""

    step = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFailed(OperationEvent):
    """The gateway definitely did not carry the operation out; the reservation is released.

    Attributes:
        evidence: where the certainty comes from, see `Evidence`. detail: an operator's words.
    """

    outcome: FailedOutcome
    evidence: str = "answer"
    detail: str = ""

    step = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationBecameUnknown(OperationEvent):
    """Nobody knows whether the operation was carried out; the reservation stays."""

    outcome: UnknownOutcome
    checks: int
    next_check_at: datetime
    resends_until: datetime | None = None
    settles_s: float = 0.0

    step = "unknown"


OPERATION_TYPES = {
    (kind, step): EventType(f"payment.{kind}_{step}")
    for kind in OperationKind
    for step in ("requested", "succeeded", "failed", "unknown")
}
