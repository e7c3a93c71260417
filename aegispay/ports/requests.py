"""What gateways are asked, and what only they answer."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.customer import Customer
from aegispay.domain.metadata import Metadata
from aegispay.domain.money import Money
from aegispay.domain.payment_method import PaymentMethod
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """What a gateway is asked to authorize or charge.

    Attributes:
        reference: our name for this attempt, unique; a look-up uses it.
        idempotency_key: the same for every resend of this attempt, never shared between gateways.
        capture: `AUTOMATIC` charges, `MANUAL` only authorizes. Only with `MANUAL` may less be approved than was asked.
        timeout_s: how long the engine will wait.
        return_url: where to send the payer back to, if he has to be sent away.
    """

    payment_id: str
    reference: str
    idempotency_key: str
    money: Money
    payment_method: PaymentMethod
    customer: Customer | None
    metadata: Metadata
    capture: CaptureMode
    timeout_s: float
    return_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequest:
    """What a gateway is asked to do about money it holds: capture it, release it or return it.

    Attributes:
        reference: our name for this operation, unique; a look-up uses it.
        idempotency_key: the same for every resend of this operation.
        charge_reference: our name for the attempt it is about, as its `ChargeRequest` said.
        gateway_reference: the gateway's id of the payment, as its approval said.
        captures: the gateway's ids of the captures made so far, oldest first.
        money: how much; for a void, what is released.
        is_final: for a capture, whether the rest of the authorization is given up.
        reason: the merchant's words; may be empty.
        timeout_s: how long the engine will wait.
    """

    payment_id: str
    kind: OperationKind
    reference: str
    idempotency_key: str
    charge_reference: str
    gateway_reference: str
    captures: tuple[str, ...]
    money: Money
    is_final: bool
    reason: str
    timeout_s: float


GatewayRequest = ChargeRequest | OperationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """A look-up's answer: the gateway does not know our reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHealth:
    """Answer of a health check."""

    is_up: bool
    message: str = ""
