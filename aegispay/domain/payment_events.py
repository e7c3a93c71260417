"""Facts about the payment itself: from its beginning over its attempts to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from aegispay.domain.event import Event
from aegispay.domain.event_type import EventType
from aegispay.domain.outcome import FailedOutcome, NextAction, Reason, UnknownOutcome
from aegispay.domain.request import PaymentRequest
from aegispay.domain.retry.step import TryAt
from aegispay.domain.routing import RoutingDecision

CANCEL_WORD = "requested"
CANCEL_WORDS = frozenset({CANCEL_WORD, "expired", "voided", "authorization_expired"})
"""Reasons of a cancel that the engine itself gives; any other was written by whoever asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentInitiated(Event):
    """A merchant asked for a payment; the whole request is kept, tokens only.

    Attributes:
        fingerprint: of the request, salted where it is about a customer.
        trace: W3C traceparent of the call that asked, where somebody traced it: later work continues that trace.
        fingerprint_salt: ``None`` where there is none; empty after the customer was erased.
    """

    request: PaymentRequest
    fingerprint: str
    expires_at: datetime
    trace: str | None = None
    fingerprint_salt: str | None = None

    type: ClassVar[EventType] = EventType.PAYMENT_INITIATED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthenticated(Event):
    """The payer is authenticated, or no challenge was needed."""

    type: ClassVar[EventType] = EventType.PAYMENT_AUTHENTICATED


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequired(Event):
    """The gateway wants the payer before it goes on."""

    action: NextAction
    gateway: str
    reference: str | None = None

    type: ClassVar[EventType] = EventType.PAYMENT_ACTION_REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCompleted(Event):
    """The payer passed the challenge."""

    type: ClassVar[EventType] = EventType.PAYMENT_ACTION_COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """One try at one gateway is about to be made; on disk before the gateway is called.

    Attributes:
        number: 1 for the first attempt, stored as `payment.processing`; later ones are `payment.retry_attempted`.
        idempotency_key: the key the gateway will see, the same for every resend of this attempt.
        request_digest: SHA-256 of the request the gateway will see.
        deadline_at: until when an answer is awaited; silence after it is an unknown outcome.
        decision: why this gateway.
        configuration: revision of the settings it was decided under; 0 where revisions were not counted yet.
    """

    number: int
    gateway: str
    operation_id: str
    idempotency_key: str
    request_digest: str
    deadline_at: datetime
    decision: RoutingDecision
    configuration: int = 0

    @property
    def type(self) -> EventType:
        """The stored name: the first attempt starts processing, each later one is a retry."""
        return EventType.PAYMENT_PROCESSING if self.number == 1 else EventType.PAYMENT_RETRY_ATTEMPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(Event):
    """The attempt definitely did not move money.

    Attributes:
        retry: what the next attempt waits for; ``None`` when it need not wait, or when there is none.
    """

    number: int
    outcome: FailedOutcome
    retry: TryAt | None = None

    type: ClassVar[EventType] = EventType.ATTEMPT_FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPutOff(Event):
    """The next attempt was due, and no gateway could take it then: it waits once more."""

    retry: TryAt

    type: ClassVar[EventType] = EventType.RETRY_PUT_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeBecameUnknown(Event):
    """Nobody knows whether the attempt moved money; it will be asked about again.

    Attributes:
        checks: how often it has been asked about so far.
        next_check_at: when to ask again.
        resends_until: until when the gateway's contract of today lets it be sent again.
        settles_s: how long after a send, by the same contract, its effect may take to show.
    """

    number: int
    outcome: UnknownOutcome
    checks: int
    next_check_at: datetime
    resends_until: datetime | None = None
    settles_s: float = 0.0

    type: ClassVar[EventType] = EventType.OUTCOME_UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResolved(Event):
    """Evidence settled an unknown outcome; the event after it says how.

    Attributes:
        evidence: where the certainty comes from, see `Evidence`.
        detail: the gateway's reference or the operator's words.
    """

    number: int
    evidence: str
    detail: str = ""

    type: ClassVar[EventType] = EventType.OUTCOME_RESOLVED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthorized(Event):
    """The gateway reserved the amount; a capture has to follow before `expires_at`."""

    number: int
    reference: str
    amount_minor: int
    expires_at: datetime

    type: ClassVar[EventType] = EventType.PAYMENT_AUTHORIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationExpiring(Event):
    """What was authorized has to be captured soon: most of the time for it is over."""

    expires_at: datetime

    type: ClassVar[EventType] = EventType.AUTHORIZATION_EXPIRING


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

    type: ClassVar[EventType] = EventType.PAYMENT_SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Event):
    """The payment ended without moving money."""

    reason: Reason
    code: str = ""
    message: str = ""
    gateway: str | None = None

    type: ClassVar[EventType] = EventType.PAYMENT_FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Event):
    """A cancel arrived while the outcome was open; it is executed when the outcome is known."""

    reason: str

    type: ClassVar[EventType] = EventType.PAYMENT_CANCEL_REQUESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCancelled(Event):
    """The payment ended before capture: cancelled, voided or expired."""

    reason: str

    type: ClassVar[EventType] = EventType.PAYMENT_CANCELLED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPartiallyRefunded(Event):
    """Part of the captured amount has been returned."""

    refunded_minor: int

    type: ClassVar[EventType] = EventType.PAYMENT_PARTIALLY_REFUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """All of the captured amount has been returned."""

    refunded_minor: int

    type: ClassVar[EventType] = EventType.PAYMENT_REFUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChargedBack(Event):
    """The payer's bank took money back.

    Attributes:
        reference: the gateway's id of the dispute.
        amount_minor: how much, in minor units of the payment's currency.
    """

    reference: str
    amount_minor: int

    type: ClassVar[EventType] = EventType.PAYMENT_CHARGED_BACK
