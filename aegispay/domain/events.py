"""Facts about a payment, in the past tense, as they are stored. An event can never be refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import TypeAdapter

from aegispay.domain.outcome import FailedOutcome, NextAction, Reason, UnknownOutcome
from aegispay.domain.request import PaymentRequest
from aegispay.domain.routing import RoutingDecision
from aegispay.domain.state import OperationKind


class EventType(StrEnum):
    """Names of the facts; the values are what is stored and published."""

    PAYMENT_INITIATED = "payment.initiated"
    PAYMENT_AUTHENTICATED = "payment.authenticated"
    PAYMENT_ACTION_REQUIRED = "payment.action_required"
    PAYMENT_ACTION_COMPLETED = "payment.action_completed"
    PAYMENT_PROCESSING = "payment.processing"
    PAYMENT_RETRY_ATTEMPTED = "payment.retry_attempted"
    ATTEMPT_FAILED = "payment.attempt_failed"
    OUTCOME_UNKNOWN = "payment.outcome_unknown"
    OUTCOME_RESOLVED = "payment.outcome_resolved"
    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CANCEL_REQUESTED = "payment.cancel_requested"
    PAYMENT_CANCELLED = "payment.cancelled"
    PAYMENT_PARTIALLY_REFUNDED = "payment.partially_refunded"
    PAYMENT_REFUNDED = "payment.refunded"
    CAPTURE_REQUESTED = "payment.capture_requested"
    CAPTURE_SUCCEEDED = "payment.capture_succeeded"
    CAPTURE_FAILED = "payment.capture_failed"
    CAPTURE_UNKNOWN = "payment.capture_unknown"
    VOID_REQUESTED = "payment.void_requested"
    VOID_SUCCEEDED = "payment.void_succeeded"
    VOID_FAILED = "payment.void_failed"
    VOID_UNKNOWN = "payment.void_unknown"
    REFUND_REQUESTED = "payment.refund_requested"
    REFUND_SUCCEEDED = "payment.refund_succeeded"
    REFUND_FAILED = "payment.refund_failed"
    REFUND_UNKNOWN = "payment.refund_unknown"
    INCIDENT_OPENED = "payment.incident_opened"
    INCIDENT_CLOSED = "payment.incident_closed"
    PAYMENT_PARKED = "payment.parked"
    PAYMENT_UNPARKED = "payment.unparked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Common to all facts.

    Attributes:
        at: when it happened, aware UTC, from the engine's clock.
    """

    schema_version: ClassVar[int] = 1
    at: datetime

    @property
    def type(self) -> EventType:
        """The stored name of this fact."""
        raise NotImplementedError


def _named(event_type: EventType) -> Any:
    return property(lambda _self: event_type, doc="The stored name of this fact.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentInitiated(Event):
    """A merchant asked for a payment; the whole request is kept, tokens only."""

    request: PaymentRequest
    fingerprint: str
    expires_at: datetime

    type = _named(EventType.PAYMENT_INITIATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthenticated(Event):
    """The payer is authenticated, or no challenge was needed."""

    type = _named(EventType.PAYMENT_AUTHENTICATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequired(Event):
    """The gateway wants the payer before it goes on."""

    action: NextAction
    gateway: str
    reference: str | None = None

    type = _named(EventType.PAYMENT_ACTION_REQUIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCompleted(Event):
    """The payer passed the challenge."""

    type = _named(EventType.PAYMENT_ACTION_COMPLETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """One try at one gateway is about to be made; on disk before the gateway is called.

    Attributes:
        number: 1 for the first attempt, stored as `payment.processing`; later ones are `payment.retry_attempted`.
        idempotency_key: the key the gateway will see, the same for every resend of this attempt.
        request_digest: SHA-256 of the request the gateway will see.
        deadline_at: until when an answer is awaited; silence after it is an unknown outcome.
        decision: why this gateway.
    """

    number: int
    gateway: str
    operation_id: str
    idempotency_key: str
    request_digest: str
    deadline_at: datetime
    decision: RoutingDecision

    @property
    def type(self) -> EventType:
        """The stored name: the first attempt starts processing, each later one is a retry."""
        return EventType.PAYMENT_PROCESSING if self.number == 1 else EventType.PAYMENT_RETRY_ATTEMPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(Event):
    """The attempt definitely did not move money."""

    number: int
    outcome: FailedOutcome

    type = _named(EventType.ATTEMPT_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeBecameUnknown(Event):
    """Nobody knows whether the attempt moved money; it will be asked about again.

    Attributes:
        checks: how often it has been asked about so far.
        next_check_at: when to ask again.
    """

    number: int
    outcome: UnknownOutcome
    checks: int
    next_check_at: datetime

    type = _named(EventType.OUTCOME_UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResolved(Event):
    """Evidence settled an unknown outcome; the event after it says how.

    Attributes:
        evidence: where the certainty comes from: ``lookup``, ``resend``, ``webhook``, ``late_answer`` or ``operator``.
        detail: the gateway's reference or the operator's words.
    """

    number: int
    evidence: str
    detail: str = ""

    type = _named(EventType.OUTCOME_RESOLVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthorized(Event):
    """The gateway reserved the amount; a capture has to follow before `expires_at`."""

    number: int
    reference: str
    amount_minor: int
    expires_at: datetime

    type = _named(EventType.PAYMENT_AUTHORIZED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded(Event):
    """The money is captured.

    Attributes:
        number: the attempt that was approved.
        amount_minor: captured in total.
    """

    number: int
    reference: str
    amount_minor: int

    type = _named(EventType.PAYMENT_SUCCEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Event):
    """The payment ended without moving money."""

    reason: Reason
    code: str = ""
    message: str = ""
    gateway: str | None = None

    type = _named(EventType.PAYMENT_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Event):
    """A cancel arrived while the outcome was open; it is executed when the outcome is known."""

    reason: str

    type = _named(EventType.PAYMENT_CANCEL_REQUESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCancelled(Event):
    """The payment ended before capture: cancelled, voided or expired."""

    reason: str

    type = _named(EventType.PAYMENT_CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPartiallyRefunded(Event):
    """Part of the captured amount has been returned."""

    refunded_minor: int

    type = _named(EventType.PAYMENT_PARTIALLY_REFUNDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """All of the captured amount has been returned."""

    refunded_minor: int

    type = _named(EventType.PAYMENT_REFUNDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEvent(Event):
    """Something about one capture, void or refund."""

    kind: OperationKind
    operation_id: str

    step: ClassVar[str]

    @property
    def type(self) -> EventType:
        """The stored name, from the kind of operation and what happened to it."""
        return _OPERATION_TYPES[self.kind, self.step]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequested(OperationEvent):
    """The amount is reserved; on disk before the gateway is called.

    Attributes:
        final: for a capture, whether the rest of the authorization is given up.
    """

    amount_minor: int
    idempotency_key: str
    deadline_at: datetime
    final: bool = True

    step = "requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSucceeded(OperationEvent):
    """The gateway carried the operation out."""

    reference: str

    step = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFailed(OperationEvent):
    """The gateway definitely did not carry the operation out; the reservation is released."""

    outcome: FailedOutcome

    step = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationBecameUnknown(OperationEvent):
    """Nobody knows whether the operation was carried out; the reservation stays."""

    outcome: UnknownOutcome
    checks: int
    next_check_at: datetime

    step = "unknown"


_OPERATION_TYPES = {
    (kind, step): EventType(f"payment.{kind}_{step}")
    for kind in OperationKind
    for step in ("requested", "succeeded", "failed", "unknown")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened(Event):
    """Gateway and engine disagree about money; a person must look."""

    incident_id: str
    reason: Reason
    detail: str

    type = _named(EventType.INCIDENT_OPENED)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentClosed(Event):
    """A person looked and said what is true."""

    incident_id: str
    operator: str
    detail: str

    type = _named(EventType.INCIDENT_CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentParked(Event):
    """The payment's actor crashed too often; commands are refused until an operator unparks it."""

    cause: str

    type = _named(EventType.PAYMENT_PARKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUnparked(Event):
    """An operator lets the payment go on."""

    operator: str

    type = _named(EventType.PAYMENT_UNPARKED)


_CLASSES: dict[EventType, type[Event]] = {
    EventType.PAYMENT_INITIATED: PaymentInitiated,
    EventType.PAYMENT_AUTHENTICATED: PaymentAuthenticated,
    EventType.PAYMENT_ACTION_REQUIRED: ActionRequired,
    EventType.PAYMENT_ACTION_COMPLETED: ActionCompleted,
    EventType.PAYMENT_PROCESSING: AttemptStarted,
    EventType.PAYMENT_RETRY_ATTEMPTED: AttemptStarted,
    EventType.ATTEMPT_FAILED: AttemptFailed,
    EventType.OUTCOME_UNKNOWN: OutcomeBecameUnknown,
    EventType.OUTCOME_RESOLVED: OutcomeResolved,
    EventType.PAYMENT_AUTHORIZED: PaymentAuthorized,
    EventType.PAYMENT_SUCCEEDED: PaymentSucceeded,
    EventType.PAYMENT_FAILED: PaymentFailed,
    EventType.PAYMENT_CANCEL_REQUESTED: CancelRequested,
    EventType.PAYMENT_CANCELLED: PaymentCancelled,
    EventType.PAYMENT_PARTIALLY_REFUNDED: PaymentPartiallyRefunded,
    EventType.PAYMENT_REFUNDED: PaymentRefunded,
    EventType.INCIDENT_OPENED: IncidentOpened,
    EventType.INCIDENT_CLOSED: IncidentClosed,
    EventType.PAYMENT_PARKED: PaymentParked,
    EventType.PAYMENT_UNPARKED: PaymentUnparked,
} | {
    event_type: step_class
    for step_class in (OperationRequested, OperationSucceeded, OperationFailed, OperationBecameUnknown)
    for (_, step), event_type in _OPERATION_TYPES.items()
    if step == step_class.step
}

_ADAPTERS: dict[type[Event], TypeAdapter[Any]] = {
    event_class: TypeAdapter(event_class) for event_class in set(_CLASSES.values())
}


def encode(event: Event) -> bytes:
    """Write the event's own fields as JSON; its type and schema version are stored beside them."""
    return _ADAPTERS[type(event)].dump_json(event)


def decode(event_type: str, schema_version: int, data: bytes | str) -> Event:
    """Read an event back.

    Args:
        event_type: the stored name.
        schema_version: the version it was written with.
        data: JSON as `encode` wrote it.

    Raises:
        ValueError: for an unknown type, a newer version or data that does not fit.
    """
    event_class = _CLASSES[EventType(event_type)]
    if schema_version != event_class.schema_version:
        raise ValueError(f"{event_type}: schema version {schema_version} is not known to this AegisPay")
    event: Event = _ADAPTERS[event_class].validate_json(data)
    if event.type != event_type:
        raise ValueError(f"stored as {event_type}, but its content is a {event.type}")
    return event
