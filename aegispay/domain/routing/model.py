"""What routing looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import GatewayContract
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.request import PaymentRequest

Facts = dict[str, float]
"""The numbers of one gateway that a strategy looked at, by name; they stand in the record, to replay it."""

HALF_OPEN = "half_open"
"""Name of the fact that only a few calls pass the gateway's breaker."""


class RoutingStrategy(StrEnum):
    """The strategies that need no settings of their own, by name."""

    HIGHEST_SUCCESS_RATE = "highest_success_rate"
    LOWEST_LATENCY = "lowest_latency"
    COST_OPTIMISED = "cost_optimised"
    ROUND_ROBIN = "round_robin"
    MULTI_OBJECTIVE = "multi_objective"
    THOMPSON = "thompson"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySnapshot:
    """What a gateway actor last reported.

    Attributes:
        success_rate: share of recent calls that were no fault of the gateway, 0.0 to 1.0; ``None`` without samples.
        latency_p50_s: median of recent answers; ``None`` without samples.
        health: 0.0 (useless) to 1.0.
        samples: recent calls.
        wants_probe: it may be back after an outage, and only a payment can tell; it is tried first, once.
        approvals, declines: recent charges that were approved, and that were declined by issuer or gateway; each
            counts less the older it is, so they are not whole numbers.
    """

    name: str
    contract: GatewayContract
    is_enabled: bool = True
    breaker: BreakerState = BreakerState.CLOSED
    success_rate: float | None = None
    latency_p50_s: float | None = None
    health: float = 1.0
    samples: int = 0
    wants_probe: bool = False
    approvals: float = 0.0
    declines: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRequest:
    """What routing needs to know of a payment.

    Attributes:
        forced: the only gateway that may be tried, if any.
        is_forced_by_retry: it is the retry that waits for this gateway, not the merchant who asks for it.
        excluded: gateways already tried for this payment.
        over_budget: gateways that take no attempts after the first now.
        needs_authorization: whether the money is captured later, which not every gateway can.
        payment: the whole request, for rules; ``None`` where only the fields above are known.
        at: when it is decided, aware UTC, for rules about time.
        sticky_key: what decides which arm of a split a payment belongs to; the same key, the same arm.
        preferred: gateways that a hook wants tried first, best first; those that are not eligible are passed over.
        preferred_by: the hook's name.
    """

    amount_minor: int
    currency: str
    method: PaymentMethodType
    forced: str | None = None
    is_forced_by_retry: bool = False
    excluded: frozenset[str] = frozenset()
    over_budget: frozenset[str] = frozenset()
    needs_authorization: bool = False
    payment: PaymentRequest | None = None
    at: datetime | None = None
    sticky_key: str = ""
    preferred: tuple[str, ...] = ()
    preferred_by: str = ""

    @property
    def country(self) -> str | None:
        """The payer's country: of the billing address, else of the shipping address; ISO 3166-1 alpha-2."""
        customer = None if self.payment is None else self.payment.customer
        address = None if customer is None else customer.billing_address or customer.shipping_address
        return None if address is None else address.country
