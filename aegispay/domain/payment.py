"""A payment as its events made it. Immutable: `evolve` returns a new one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aegispay.domain.customer import Customer
from aegispay.domain.metadata import Metadata
from aegispay.domain.money import Money
from aegispay.domain.outcome import NextAction, Reason
from aegispay.domain.payment_method import PaymentMethod
from aegispay.domain.request import PaymentRequest
from aegispay.domain.state import AttemptStatus, OperationKind, OperationStatus, PaymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a payment or an attempt came to nothing.

    Attributes:
        reason: stable, the same for every gateway.
        code: the gateway's own code, where there was one.
        message: safe to show to an operator.
        gateway: who said so; ``None`` when no gateway was asked.
    """

    reason: Reason
    code: str = ""
    message: str = ""
    gateway: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one gateway.

    Attributes:
        number: 1, 2, 3, … within the payment.
        idempotency_key: the key the gateway sees.
        reference: the gateway's id, once known.
        failure: why it failed or is in doubt.
        checks: how often an unknown outcome has been asked about.
        next_check_at: when silence ends or the next check is due.
    """

    number: int
    gateway: str
    operation_id: str
    idempotency_key: str
    request_digest: str
    status: AttemptStatus
    reference: str | None = None
    failure: Failure | None = None
    started_at: datetime
    ended_at: datetime | None = None
    checks: int = 0
    next_check_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One capture, void or refund; its amount is reserved while the outcome is open."""

    id: str
    kind: OperationKind
    amount_minor: int
    idempotency_key: str
    is_final: bool
    status: OperationStatus
    reference: str | None = None
    failure: Failure | None = None
    checks: int = 0
    next_check_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Gateway and engine disagree about money until a person has looked."""

    id: str
    reason: Reason
    detail: str
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One merchant's wish to collect one amount, and everything that came of it.

    Attributes:
        version: number of events so far.
        authorized_minor: reserved at the gateway. captured_minor: collected. refunded_minor: returned. All minor units.
        action: what the payer has to do while the state is `REQUIRES_ACTION`.
        resume_state: where the payment goes when the payer has done it.
        expires_at: when an unprocessed payment lapses; once authorized, when the authorization does.
    """

    id: str
    request: PaymentRequest
    fingerprint: str
    state: PaymentState
    version: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    attempts: tuple[Attempt, ...] = ()
    operations: tuple[Operation, ...] = ()
    incidents: tuple[Incident, ...] = ()
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    action: NextAction | None = None
    resume_state: PaymentState | None = None
    is_cancel_requested: bool = False
    is_parked: bool = False
    failure: Failure | None = None

    def __repr__(self) -> str:
        """Show what one looks for first; never the payment method."""
        doubt = " in doubt" if self.in_doubt else ""
        return f"<Payment {self.id} {self.state}{doubt} {self.money} v{self.version}>"

    @property
    def merchant(self) -> str:
        """Whose payment it is."""
        return self.request.merchant

    @property
    def idempotency_key(self) -> str:
        """The key the merchant chose."""
        return self.request.idempotency_key

    @property
    def money(self) -> Money:
        """The amount asked for."""
        return Money(self.request.amount_minor, self.request.currency)

    @property
    def amount_minor(self) -> int:
        """The amount asked for, in minor units of `currency`."""
        return self.request.amount_minor

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return self.request.currency

    @property
    def payment_method(self) -> PaymentMethod:
        """What the payer pays with; tokens only."""
        return self.request.payment_method

    @property
    def customer(self) -> Customer | None:
        """Who pays."""
        return self.request.customer

    @property
    def metadata(self) -> Metadata:
        """What the merchant attached."""
        return self.request.metadata

    @property
    def last_attempt(self) -> Attempt | None:
        """The newest attempt, if any was made."""
        return self.attempts[-1] if self.attempts else None

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt that may still move money, if any; never more than one."""
        last = self.last_attempt
        return last if last is not None and last.status.is_open else None

    @property
    def gateway(self) -> str | None:
        """The gateway of the newest attempt."""
        last = self.last_attempt
        return last.gateway if last is not None else None

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows if the newest attempt moved money."""
        last = self.last_attempt
        return last is not None and last.status is AttemptStatus.UNKNOWN

    @property
    def is_settled(self) -> bool:
        """Whether a caller has nothing to wait for: final, in doubt, parked, authorized or the payer's turn."""
        return self.state in _SETTLED or self.in_doubt or self.is_parked

    @property
    def has_late_approval(self) -> bool:
        """Whether a gateway reported money moved that the payment does not count: nothing more may be charged."""
        return any(incident.reason is Reason.LATE_APPROVAL for incident in self.incidents)

    def reserved_minor(self, kind: OperationKind) -> int:
        """Return what open operations of this kind hold, in minor units."""
        return sum(op.amount_minor for op in self.operations if op.kind is kind and op.status.is_open)

    def find_operation(self, operation_id: str) -> Operation | None:
        """Return the operation of that id, if there is one."""
        return next((op for op in self.operations if op.id == operation_id), None)


_SETTLED = frozenset(
    {state for state in PaymentState if state.is_final} | {PaymentState.AUTHORIZED, PaymentState.REQUIRES_ACTION}
)


def wake_at(payment: Payment) -> datetime | None:
    """Return when the payment must be looked at although nobody asks, or ``None`` if it needs nothing.

    This is the payment's one durable timer: it is stored with every event, so a restart misses none. An authorization
    with an open operation does not expire before that operation is settled, so the operation's timer goes first.
    """
    if payment.is_parked:
        return None
    checks = [operation.next_check_at for operation in payment.operations if operation.status.is_open]
    return min(checks) if checks else _charge_wake_at(payment)


def _charge_wake_at(payment: Payment) -> datetime | None:
    match payment.state:
        case PaymentState.INITIATED | PaymentState.AUTHORIZED:
            return payment.expires_at
        case PaymentState.AUTHENTICATED:
            return payment.updated_at
        case PaymentState.REQUIRES_ACTION:
            return payment.action.expires_at if payment.action is not None else payment.expires_at
        case PaymentState.PROCESSING:
            attempt = payment.open_attempt
            return attempt.next_check_at if attempt is not None else payment.updated_at
        case _:
            return None
