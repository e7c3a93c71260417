"""What a payment can be told to do: imperative, may be refused, carries every id and time it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aegispay.domain.evidence import Evidence
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.metadata import Metadata
from aegispay.domain.outcome import NextAction, Outcome, Reason
from aegispay.domain.request import PaymentRequest
from aegispay.domain.retry import RetryPolicy, TryAt
from aegispay.domain.routing import RoutingDecision
from aegispay.domain.state import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Common to all commands.

    Attributes:
        at: the engine's clock, aware UTC; becomes the time of the events.
    """

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePayment(Command):
    """Bring the payment into being.

    Attributes:
        trace: W3C traceparent of the call that asks, where somebody traces it.
        fingerprint_salt: what the kept fingerprint is salted with, if it is new.
    """

    request: PaymentRequest
    fingerprint: str
    expires_at: datetime
    trace: str | None = None
    fingerprint_salt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatePayment(Command):
    """The payer is authenticated, or needs no challenge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireAction(Command):
    """The payer must do something before any attempt."""

    action: NextAction
    gateway: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteAction(Command):
    """The payer came back: the challenge was passed or not."""

    is_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusePayment(Command):
    """End the payment without (another) attempt: validation, risk, or no eligible gateway."""

    reason: Reason
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt(Command):
    """Record the intent to call a gateway; the call may be made only after this is on disk."""

    gateway: str
    operation_id: str
    idempotency_key: str
    request_digest: str
    deadline_at: datetime
    decision: RoutingDecision
    configuration: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOutcome(Command):
    """An attempt's outcome arrived: first-hand, by look-up, resend, webhook, late, or from an operator.

    Attributes:
        evidence: where it comes from. detail: an operator's words.
        next_check_at: when to ask again if this is still unknown.
        authorization_expires_at: until when an authorization can be captured, if this is one.
        retry_at: when somebody wants it tried again if it has failed for good; `retry_why` says who. The policy's
            bounds hold, and what is final stays final.
    """

    operation_id: str
    outcome: Outcome
    evidence: Evidence = Evidence.ANSWER
    detail: str = ""
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    next_check_at: datetime
    resends_until: datetime | None = None
    settles_s: float = 0.0
    authorization_expires_at: datetime
    retry_at: datetime | None = None
    retry_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOffRetry(Command):
    """The next attempt is due and no gateway can take it now: wait once more."""

    retry: TryAt


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPayment(Command):
    """Stop the payment before money is captured.

    Attributes:
        operation_id: id of the void, if one is needed.
        idempotency_key: the key the gateway sees for the void.
        deadline_at: until when the void's answer is awaited.
        key: the asker's own key.
    """

    reason: str
    operation_id: str
    idempotency_key: str
    deadline_at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatCancel(Command):
    """Try again to release or return what a remembered cancel asked for."""

    operation_id: str
    idempotency_key: str
    deadline_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOperation(Command):
    """Record the intent to capture or refund; the amount is reserved from then on.

    Attributes:
        amount_minor: ``None`` for all that is left.
        is_final: for a capture, whether the rest of the authorization is given up.
        key: the asker's own key. reason: the asker's words.
    """

    kind: OperationKind
    operation_id: str
    amount_minor: int | None
    idempotency_key: str
    deadline_at: datetime
    is_final: bool = True
    key: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOperation(Command):
    """The outcome of a capture, void or refund arrived.

    Attributes:
        evidence: where it comes from. detail: an operator's words.
    """

    operation_id: str
    outcome: Outcome
    next_check_at: datetime
    evidence: Evidence = Evidence.ANSWER
    detail: str = ""
    resends_until: datetime | None = None
    settles_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportChargeback(Command):
    """The gateway says that the payer's bank took money back.

    Attributes:
        reference: the gateway's id of the dispute.
    """

    reference: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirePayment(Command):
    """Time ran out where time is allowed to decide: nothing was charged, or the authorization lapsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident(Command):
    """Gateway and engine disagree about money."""

    incident_id: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIncident(Command):
    """A person looked and said what is true."""

    incident_id: str
    operator: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichPayment(Command):
    """Add what a hook knows to the metadata."""

    hook: str
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePayment(Command):
    """Keep a hook's verdict; the attributes are those of `HookJudged`."""

    hook: str
    kind: HookKind
    verdict: VerdictKind
    reason: str = ""
    score: float | None = None
    took_s: float = 0.0
    has_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkPayment(Command):
    """Set the payment aside until an operator looks."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnparkPayment(Command):
    """Let the payment go on.

    Attributes:
        reason: the operator's words; may be empty.
    """

    operator: str
    reason: str = ""
