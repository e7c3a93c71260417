"""What a payment's actor understands. Send these yourself through `AegisPay.payment_ref`."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors.calls import CallResult
from aegispay.actors.errors import Refusal
from aegispay.actors.messages import ControlMessage
from aegispay.domain.request import PaymentRequest
from aegispay.errors import AegisPayError


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPayment:
    """Create the payment, or repeat its creation; the reply is the `Payment`.

    Attributes:
        process: whether to start processing it in the same step.
    """

    request: PaymentRequest
    fingerprint: str
    process: bool = False


@dataclass(frozen=True, slots=True)
class ProcessPayment:
    """Start processing, or say how far it is; the reply is the `Payment` once the intent is on disk."""


@dataclass(frozen=True, slots=True)
class GetPayment:
    """Ask for the `Payment` as it is now."""


@dataclass(frozen=True, slots=True)
class OutcomeArrived(ControlMessage):
    """A gateway call about this payment ended; addressed to the payment, not to an incarnation."""

    result: CallResult


@dataclass(frozen=True, slots=True)
class Wake(ControlMessage):
    """The payment's durable timer is due, or the engine has just started: go on with what is unfinished."""


class RefusedError(Refusal):
    """Carries one of AegisPay's own errors to whoever asked; the actor is fine."""

    def __init__(self, error: AegisPayError) -> None:
        super().__init__(str(error))
        self.error = error
