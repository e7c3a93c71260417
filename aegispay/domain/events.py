"""Facts about a payment, all in one place: their names, their classes, and how they are written and read."""

from __future__ import annotations

from aegispay.domain.care_events import (
    IncidentClosed,
    IncidentOpened,
    PaymentParked,
    PaymentUnparked,
)
from aegispay.domain.event import Event
from aegispay.domain.event_codec import decode, encode
from aegispay.domain.event_type import EventType
from aegispay.domain.hook_events import HookJudged, PaymentEnriched
from aegispay.domain.operation_events import (
    OperationBecameUnknown,
    OperationEvent,
    OperationFailed,
    OperationRequested,
    OperationSucceeded,
)
from aegispay.domain.payment_events import (
    ActionCompleted,
    ActionRequired,
    AttemptFailed,
    AttemptStarted,
    AuthorizationExpiring,
    CancelRequested,
    OutcomeBecameUnknown,
    OutcomeResolved,
    PaymentAuthenticated,
    PaymentAuthorized,
    PaymentCancelled,
    PaymentChargedBack,
    PaymentFailed,
    PaymentInitiated,
    PaymentPartiallyRefunded,
    PaymentRefunded,
    PaymentSucceeded,
    RetryPutOff,
)

__all__ = [
    "ActionCompleted",
    "ActionRequired",
    "AttemptFailed",
    "AttemptStarted",
    "AuthorizationExpiring",
    "CancelRequested",
    "Event",
    "EventType",
    "HookJudged",
    "IncidentClosed",
    "IncidentOpened",
    "OperationBecameUnknown",
    "OperationEvent",
    "OperationFailed",
    "OperationRequested",
    "OperationSucceeded",
    "OutcomeBecameUnknown",
    "OutcomeResolved",
    "PaymentAuthenticated",
    "PaymentAuthorized",
    "PaymentCancelled",
    "PaymentChargedBack",
    "PaymentEnriched",
    "PaymentFailed",
    "PaymentInitiated",
    "PaymentParked",
    "PaymentPartiallyRefunded",
    "PaymentRefunded",
    "PaymentSucceeded",
    "PaymentUnparked",
    "RetryPutOff",
    "decode",
    "encode",
]
