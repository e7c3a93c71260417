"""What a payment's actor understands. Send these yourself through `AegisPay.payment_ref`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aegispay.actors.calls import CallResult
from aegispay.actors.errors import Refusal
from aegispay.actors.messages import ControlMessage
from aegispay.domain.notification import Notification
from aegispay.domain.request import PaymentRequest
from aegispay.domain.state import OperationKind
from aegispay.domain.verdict import Testimony
from aegispay.errors import AegisPayError


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPayment:
    """Create the payment, or repeat its creation; the reply is the `Payment`.

    Attributes:
        process: whether to start processing it in the same step.
        trace: W3C traceparent of the caller's span, where somebody traces him; kept with a new payment.
    """

    request: PaymentRequest
    fingerprint: str
    process: bool = False
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessPayment:
    """Start processing, or say how far it is; the reply is the `Payment` once the intent is on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operate:
    """Capture or refund; the reply is the `Payment` once the intent is on disk.

    Attributes:
        key: the asker's idempotency key.
        amount: major units in any form that `create_payment` takes; ``None`` for all that is left.
        currency: checked against the payment's, when given.
        is_final: for a capture, whether the rest of the authorization is given up.
        reason: the asker's words.
    """

    kind: OperationKind
    key: str
    amount: object = None
    currency: object = None
    is_final: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPayment:
    """Stop the payment before money is captured; the reply is the `Payment` once that is on disk.

    Attributes:
        key: the asker's idempotency key; ``None`` for any number of askers who want the same.
    """

    reason: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteAction:
    """The payer came back; the reply is the `Payment` once the gateway is being asked.

    Attributes:
        parameters: what the payer's return carried; a hint for the gateway, never stored.
    """

    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveDoubt:
    """A person says what became of something in doubt; the reply is the `Payment`."""

    said: Testimony


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIncident:
    """A person has looked at an incident; the reply is the `Payment`."""

    incident_id: str
    operator: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationArrived:
    """A gateway reports something, verified; the reply is whether it is about this payment.

    Attributes:
        is_conflict: it has said something else under the same id before.
    """

    gateway: str
    notification: Notification
    is_conflict: bool = False


@dataclass(frozen=True, slots=True)
class GetPayment:
    """Ask for the `Payment` as it is now."""


@dataclass(frozen=True, slots=True)
class OutcomeArrived(ControlMessage):
    """A gateway call about this payment ended; addressed to the payment, not to an incarnation."""

    result: CallResult


@dataclass(frozen=True, slots=True)
class SendAgain(ControlMessage):
    """An operation that its gateway had no room for waits no longer."""

    reference: str


@dataclass(frozen=True, slots=True)
class Wake(ControlMessage):
    """The payment's durable timer is due, or the engine has just started: go on with what is unfinished."""


@dataclass(frozen=True, slots=True)
class Reread(ControlMessage):
    """What stands in the log can be read differently now, because its customer was erased: read it again."""


class RefusedError(Refusal):
    """Carries one of AegisPay's own errors to whoever asked; the actor is fine."""

    def __init__(self, error: AegisPayError) -> None:
        super().__init__(str(error))
        self.error = error
