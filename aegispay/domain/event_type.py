"""The names of all facts; separate from the facts themselves, so that the transition table needs nothing else."""

from __future__ import annotations

from enum import StrEnum


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
    AUTHORIZATION_EXPIRING = "payment.authorization_expiring"
    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CANCEL_REQUESTED = "payment.cancel_requested"
    PAYMENT_CANCELLED = "payment.cancelled"
    PAYMENT_PARTIALLY_REFUNDED = "payment.partially_refunded"
    PAYMENT_REFUNDED = "payment.refunded"
    PAYMENT_CHARGED_BACK = "payment.charged_back"
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
