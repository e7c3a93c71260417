"""A payment as its events made it. Immutable: `evolve` returns a new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aegispay.domain.customer import Customer
from aegispay.domain.hook_kind import JUDGES, VerdictKind
from aegispay.domain.judgement import Judgement
from aegispay.domain.metadata import Metadata
from aegispay.domain.money import Money
from aegispay.domain.outcome import NextAction, Reason
from aegispay.domain.payment_method import PaymentMethod
from aegispay.domain.request import PaymentRequest
from aegispay.domain.retry.step import TryAt
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
        unknown_since: since when its outcome has been in doubt; ``None`` while it is not.
        checks: how often an unknown outcome has been asked about.
        next_check_at: when silence ends or the next check is due.
        completed_at: when the gateway was last told, or found to know, that the payer had acted.
        resends_until: until when it may have been sent again, by any contract it was ever in doubt under.
        settles_s: how long after a send, by the same contracts, its effect may take to show.
        configuration: revision of the settings it was decided under; 0 where revisions were not counted yet.
        is_repeatable: whether, having failed, its gateway may be tried again after a while.
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
    unknown_since: datetime | None = None
    completed_at: datetime | None = None
    resends_until: datetime | None = None
    settles_s: float = 0.0
    checks: int = 0
    next_check_at: datetime
    configuration: int = 0
    is_repeatable: bool = False

    @property
    def id(self) -> str:
        """Our reference of the attempt, as the gateway sees it."""
        return self.operation_id

    @property
    def is_first_hand(self) -> bool:
        """Whether nothing is known of it yet but that it was sent, once."""
        return self.status is AttemptStatus.STARTED and self.reference is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One capture, void or refund; its amount is reserved while the outcome is open.

    Attributes:
        key: the idempotency key its asker chose; empty for what the engine does by itself.
        idempotency_key: the key the gateway sees.
        is_rest: whether all that was left was asked for, rather than this amount.
        is_final: for a capture, whether the rest of the authorization is given up.
        reason: the asker's words.
        captures: the gateway's ids of the captures that had succeeded when this was asked for.
        reference: the gateway's id, once known.
        failure: why it failed or is in doubt.
        started_at, ended_at, unknown_since, checks, next_check_at: as for an attempt.
    """

    id: str
    kind: OperationKind
    key: str = ""
    amount_minor: int
    idempotency_key: str
    is_rest: bool = False
    is_final: bool
    reason: str = ""
    captures: tuple[str, ...] = ()
    status: OperationStatus
    reference: str | None = None
    failure: Failure | None = None
    started_at: datetime
    ended_at: datetime | None = None
    unknown_since: datetime | None = None
    completed_at: datetime | None = None
    resends_until: datetime | None = None
    settles_s: float = 0.0
    checks: int = 0
    next_check_at: datetime

    @property
    def is_first_hand(self) -> bool:
        """Whether nothing is known of it yet but that it was sent, once."""
        return self.status is OperationStatus.REQUESTED and self.reference is None


Sent = Attempt | Operation
"""What a gateway was asked to do, and what is known of it."""


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
        authorized_minor: reserved at the gateway. captured_minor: collected. refunded_minor: returned on request.
            charged_back_minor: taken back by the payer's bank. All minor units.
        chargebacks: the gateway's ids of the disputes in which it was taken back.
        is_expiry_announced: whether it has been said that the authorization is about to lapse.
        action: what the payer has to do while the state is `REQUIRES_ACTION`.
        resume_state: where the payment goes when the payer has done it.
        expires_at: when an unprocessed payment lapses; once authorized, when the authorization does.
        retry: what the next attempt waits for, while it waits.
        added_metadata: what hooks added. judgements: what hooks decided, oldest first.
        trace: W3C traceparent of the call that created it, if that was traced.
        fingerprint_salt: see `PaymentInitiated`.
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
    charged_back_minor: int = 0
    chargebacks: tuple[str, ...] = ()
    is_expiry_announced: bool = False
    action: NextAction | None = None
    resume_state: PaymentState | None = None
    cancel_requested_at: datetime | None = None
    is_parked: bool = False
    failure: Failure | None = None
    retry: TryAt | None = None
    added_metadata: Metadata = field(default_factory=dict)
    judgements: tuple[Judgement, ...] = ()
    trace: str | None = None
    fingerprint_salt: str | None = field(default=None, repr=False)

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
        """What the merchant attached, and what hooks added."""
        return {**self.added_metadata, **self.request.metadata} if self.added_metadata else self.request.metadata

    @property
    def is_judged(self) -> bool:
        """Whether hooks have said, before the first attempt, what they think of the payment."""
        return any(judgement.kind in JUDGES for judgement in self.judgements)

    @property
    def review(self) -> Judgement | None:
        """The newest verdict that asks for a person's decision before anything is charged, if there is one."""
        return next((each for each in reversed(self.judgements) if each.verdict is VerdictKind.REVIEW), None)

    @property
    def risk_score(self) -> float | None:
        """The highest score that a hook gave, 0.0 to 1.0."""
        return max((each.score for each in self.judgements if each.score is not None), default=None)

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
    def is_charge_in_doubt(self) -> bool:
        """Whether nobody knows if the newest attempt moved money."""
        last = self.last_attempt
        return last is not None and last.status is AttemptStatus.UNKNOWN

    @property
    def doubts(self) -> tuple[Sent, ...]:
        """The charge attempt and the operations of which nobody knows whether they moved money."""
        last = self.last_attempt
        attempts = (last,) if last is not None and last.status is AttemptStatus.UNKNOWN else ()
        return (*attempts, *(op for op in self.operations if op.status is OperationStatus.UNKNOWN))

    @property
    def in_doubt(self) -> bool:
        """Whether the outcome of the charge, or of a capture, void or refund, is not known."""
        return self.is_charge_in_doubt or bool(self.operations and self.doubts)

    @property
    def doubt_since(self) -> datetime | None:
        """Since when something has been in doubt; ``None`` while nothing is."""
        if not self.in_doubt:
            return None
        return min(doubt.unknown_since or self.updated_at for doubt in self.doubts)

    @property
    def is_partially_authorized(self) -> bool:
        """Whether the gateway authorized less than was asked."""
        return 0 < self.authorized_minor < self.amount_minor

    @property
    def is_settled(self) -> bool:
        """Whether a caller need not wait: final, in doubt, parked, put off, authorized or the payer's turn."""
        return self.state in _SETTLED or self.is_charge_in_doubt or self.is_parked or self.is_put_off

    @property
    def retry_at(self) -> datetime | None:
        """When the next attempt may begin; ``None`` unless the payment waits for that."""
        return None if self.retry is None else self.retry.at

    @property
    def is_put_off(self) -> bool:
        """Whether the next attempt waits longer than a caller does."""
        return self.retry is not None and self.retry.is_put_off

    @property
    def is_cancel_requested(self) -> bool:
        """Whether a cancel is remembered: no other attempt is made, and what proves approved is given back."""
        return self.cancel_requested_at is not None

    @property
    def has_late_approval(self) -> bool:
        """Whether a gateway reported money moved that the payment does not count: nothing more may be charged."""
        return any(incident.reason is Reason.LATE_APPROVAL for incident in self.incidents)

    @property
    def has_uncounted_money(self) -> bool:
        """Whether a gateway reports money that is not counted here and nobody has looked: what is left is unknown."""
        return any(incident.is_open and incident.reason in _UNCOUNTED for incident in self.incidents)

    @property
    def is_cancel_given_up(self) -> bool:
        """Whether a remembered cancel could not be carried out and waits for a person."""
        return any(incident.reason is Reason.CANCEL_NOT_EXECUTED for incident in self.incidents)

    def reserved_minor(self, kind: OperationKind) -> int:
        """Return what open operations of this kind hold, in minor units."""
        return sum(op.amount_minor for op in self.operations if op.kind is kind and op.status.is_open)

    def find_operation(self, operation_id: str) -> Operation | None:
        """Return the operation of that id, if there is one."""
        return next((op for op in self.operations if op.id == operation_id), None)

    def operation(self, kind: OperationKind, idempotency_key: str) -> Operation | None:
        """Return the capture, void or refund that was asked for with this key, if there is one."""
        return next((op for op in self.operations if op.kind is kind and op.key == idempotency_key), None)

    def find_sent(self, reference: str) -> Sent | None:
        """Return the attempt or operation that a gateway knows by this name, if there is one."""
        attempt = next((each for each in self.attempts if each.operation_id == reference), None)
        return attempt if attempt is not None else self.find_operation(reference)

    @property
    def has_open_operation(self) -> bool:
        """Whether a capture, void or refund is under way or in doubt."""
        return any(operation.status.is_open for operation in self.operations)

    @property
    def approved_attempt(self) -> Attempt | None:
        """The attempt that the gateway approved, if any did."""
        return next((attempt for attempt in self.attempts if attempt.status is AttemptStatus.APPROVED), None)

    @property
    def refundable_minor(self) -> int:
        """What can still be returned, in minor units; 0 while the rest may still be captured."""
        if self.state is PaymentState.AUTHORIZED:
            return 0
        gone = self.refunded_minor + self.charged_back_minor + self.reserved_minor(OperationKind.REFUND)
        return max(0, self.captured_minor - gone)

    @property
    def capturable_minor(self) -> int:
        """What is left of the authorization, in minor units; 0 unless the payment is authorized."""
        if self.state is not PaymentState.AUTHORIZED:
            return 0
        return self.authorized_minor - self.captured_minor - self.reserved_minor(OperationKind.CAPTURE)

    @property
    def unwanted_minor(self) -> int:
        """What a cancel would still have to release or return, in minor units."""
        if self.state in {PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED}:
            return self.refundable_minor
        return self.capturable_minor


_UNCOUNTED = frozenset(
    {
        Reason.AMOUNT_MISMATCH,
        Reason.LATE_APPROVAL,
        Reason.UNKNOWN_OPERATION,
        Reason.CHARGEBACK,
        Reason.CONFLICTING_ANSWER,
    }
)
_SETTLED = frozenset(
    {state for state in PaymentState if state.is_final} | {PaymentState.AUTHORIZED, PaymentState.REQUIRES_ACTION}
)
