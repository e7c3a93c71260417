"""The statuses: of a payment, of an attempt, of an operation. Separate things, separate enums."""

from __future__ import annotations

from enum import StrEnum


class PaymentState(StrEnum):
    """Where a payment stands; the arrows between states are in `transitions`."""

    INITIATED = "initiated"
    REQUIRES_ACTION = "requires_action"
    AUTHENTICATED = "authenticated"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"

    @property
    def is_final(self) -> bool:
        """Whether the charge has ended: nothing but refunds can follow."""
        return self in _FINAL


_FINAL = frozenset(
    {
        PaymentState.SUCCESS,
        PaymentState.FAILURE,
        PaymentState.CANCELLED,
        PaymentState.PARTIALLY_REFUNDED,
        PaymentState.REFUNDED,
    }
)


class AttemptStatus(StrEnum):
    """What is known about one try at one gateway."""

    STARTED = "started"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    APPROVED = "approved"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether this attempt may still turn out to have moved money."""
        return self in _OPEN_ATTEMPTS


_OPEN_ATTEMPTS = frozenset({AttemptStatus.STARTED, AttemptStatus.REQUIRES_ACTION, AttemptStatus.UNKNOWN})


class OperationKind(StrEnum):
    """What can be done to money after the charge or authorization."""

    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class OperationStatus(StrEnum):
    """What is known about one capture, void or refund."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether the operation still holds its reservation."""
        return self in {OperationStatus.REQUESTED, OperationStatus.UNKNOWN}
