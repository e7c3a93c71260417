"""A payment as the provider knows it, and what a change to it brings about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """Where a payment stands."""

    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    EXPIRED = "expired"


class Kind(StrEnum):
    """Operations on a payment."""

    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class OperationStatus(StrEnum):
    """Where an operation stands."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Why a payment was declined; `kind` is hard, soft, customer_fixable, authentication or risk."""

    code: str
    message: str
    kind: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What is kept of a payment method: never a card number.

    Attributes:
        fingerprint: a keyed hash that tells one card from another.
        token: the token as given; it may order a behaviour.
    """

    type: str
    token: str | None = None
    brand: str | None = None
    last4: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A capture, void or refund.

    Attributes:
        visible_at: look-ups by reference do not find it before.
    """

    kind: Kind
    id: str
    reference: str
    amount: int
    status: OperationStatus
    created_at: datetime
    visible_at: datetime
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment with all its operations; amounts are integer minor units.

    Attributes:
        account: whose payment it is, a hash of the API key.
        is_automatic: whether an approval captures at once.
        expires_at: when the challenge or the authorization ends.
        visible_at: look-ups do not find it before.
    """

    id: str
    account: str
    reference: str
    is_automatic: bool
    is_partial_allowed: bool
    amount: int
    currency: str
    status: Status
    method: Method
    created_at: datetime
    visible_at: datetime
    expires_at: datetime | None = None
    authorized_amount: int = 0
    captured_amount: int = 0
    refunded_amount: int = 0
    decline: Decline | None = None
    operations: tuple[Operation, ...] = ()
    return_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def refundable_amount(self) -> int:
        """What was captured and neither refunded nor on its way back."""
        pending = sum(
            each.amount
            for each in self.operations
            if each.kind is Kind.REFUND and each.status is OperationStatus.PENDING
        )
        return self.captured_amount - self.refunded_amount - pending


class MovementKind(StrEnum):
    """What can happen to money."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    CHARGEBACK = "chargeback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of the ledger: money that moved, whatever anybody was told.

    Attributes:
        reference: the caller's name of the request that moved it.
        amount: minor units; negative takes an earlier movement of the kind back.
    """

    kind: MovementKind
    reference: str
    amount: int


class JobKind(StrEnum):
    """What time does by itself."""

    EXPIRE = "expire"
    FLIP = "flip"
    SETTLE = "settle"
    SETTLE_REFUND = "settle_refund"
    FAIL_REFUND = "fail_refund"
    CHARGEBACK = "chargeback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to be done to the payment at `due_at`.

    Attributes:
        subject: the operation it is about, where there is one.
        amount: minor units, where it takes an amount.
    """

    kind: JobKind
    due_at: datetime
    subject: str = ""
    amount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something the account's webhooks are told.

    Attributes:
        operation: what it is about, if not the payment itself.
        chargeback_amount: minor units, for a chargeback.
    """

    type: str
    operation: Operation | None = None
    chargeback_amount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A payment after a change, and everything that is written with it."""

    payment: Payment
    operation: Operation | None = None
    movements: tuple[Movement, ...] = ()
    events: tuple[Event, ...] = ()
    jobs: tuple[Job, ...] = ()


class RefusedError(Exception):
    """The payment's state or amounts do not allow it.

    Attributes:
        code: why, in one word.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)
