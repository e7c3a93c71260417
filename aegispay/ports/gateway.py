"""The port to gateways: adapters implement these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from aegispay.domain.contract import GatewayContract
from aegispay.domain.notification import Notification
from aegispay.domain.outcome import Outcome
from aegispay.ports.requests import ChargeRequest, GatewayHealth, NotFound, OperationRequest


@runtime_checkable
class Gateway(Protocol):
    """Adapter to one outside provider: it translates, and decides nothing.

    An answer it cannot read, a timeout or a lost connection must come back as `OutcomeUnknown`
    or as an exception, which the engine treats as unknown; only `NotSentError` says that
    surely nothing reached the provider.

    What else the contract declares needs the methods of `CapturingGateway`, `VoidingGateway`, `RefundingGateway`;
    `ActionGateway` and `NotifyingGateway` are for those that have use for them. Where there is an ``async def
    aclose()``, it is awaited when the engine closes; a gateway may be used again after it.
    """

    @property
    def name(self) -> str:
        """Unique name, ``[a-z0-9_-]``, at most 64 characters."""
        ...

    @property
    def contract(self) -> GatewayContract:
        """What this gateway can do."""
        ...

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Charge the amount: authorize and capture it."""
        ...

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        """Look up what became of an earlier `charge` or `authorize` with the same reference. Must not move money."""
        ...

    async def health_check(self) -> GatewayHealth:
        """Say whether the provider answers. Must not move money."""
        ...


@runtime_checkable
class OperatingGateway(Protocol):
    """What any capture, void or refund needs where the contract declares a look-up."""

    async def fetch_operation(self, request: OperationRequest) -> Outcome | NotFound:
        """Look up what became of an earlier operation with the same reference. Must not move money."""
        ...


@runtime_checkable
class CapturingGateway(Protocol):
    """What `contract.capture` other than ``none`` needs."""

    async def authorize(self, request: ChargeRequest) -> Outcome:
        """Reserve the amount without collecting it."""
        ...

    async def capture(self, request: OperationRequest) -> Outcome:
        """Collect `request.money` of an authorization."""
        ...


@runtime_checkable
class VoidingGateway(Protocol):
    """What `contract.void` needs."""

    async def void(self, request: OperationRequest) -> Outcome:
        """Release what is left of an authorization."""
        ...


@runtime_checkable
class RefundingGateway(Protocol):
    """What `contract.refund` needs."""

    async def refund(self, request: OperationRequest) -> Outcome:
        """Return `request.money` of what was captured."""
        ...


@runtime_checkable
class ActionGateway(Protocol):
    """For gateways that finish a payment only when told that the payer came back."""

    async def complete_action(self, request: ChargeRequest, parameters: Mapping[str, str]) -> Outcome:
        """Finish the attempt with what the payer's return carried; same key, so never a second charge."""
        ...


@runtime_checkable
class NotifyingGateway(Protocol):
    """For gateways that send webhooks."""

    async def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notification]:
        """Verify the signature over the raw bytes, and say what they mean.

        Args:
            headers: names in lower case.
            body: as received, not one byte changed.

        Returns:
            Empty when the event is genuine and of no interest.

        Raises:
            WebhookRefusedError: it is not genuine, too old, or cannot be read.
        """
        ...


# Not isinstance: since Python 3.12 that looks past `__getattr__`, and would refuse a wrapper that forwards everything.
GATEWAY_NEEDS = ("name", "contract", "charge", "fetch_payment", "health_check")


def is_gateway(given: object) -> TypeGuard[Gateway]:
    """Return whether the object has what every gateway needs."""
    return all(hasattr(given, name) for name in GATEWAY_NEEDS)


def finishes_actions(gateway: Gateway) -> bool:
    """Return whether the gateway wants to be told that the payer came back."""
    return hasattr(gateway, "complete_action")


def sends_webhooks(gateway: Gateway) -> bool:
    """Return whether the gateway can read webhooks."""
    return hasattr(gateway, "parse_webhook")
