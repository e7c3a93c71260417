"""What routing looks at, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import GatewayContract
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.request import PaymentRequest

Facts = Mapping[str, float]
"""The numbers of one gateway that a strategy looked at, by name; they stand in the record, to replay it."""


class RoutingStrategy(StrEnum):
    """The strategies that need no settings of their own, by name."""

    HIGHEST_SUCCESS_RATE = "highest_success_rate"
    LOWEST_LATENCY = "lowest_latency"
    COST_OPTIMISED = "cost_optimised"
    ROUND_ROBIN = "round_robin"


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
        forced: the only gateway the merchant allows, if any.
        excluded: gateways already tried for this payment.
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
    excluded: frozenset[str] = frozenset()
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One gateway that was considered.

    Attributes:
        score: the strategy's number, larger is better; ``None`` when dropped.
        dropped: why it was not eligible; ``None`` when it was.
        facts: the numbers that made the score.
    """

    gateway: str
    score: float | None = None
    dropped: str | None = None
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecision:
    """The order in which gateways may be tried, and why; stored with the attempt.

    Attributes:
        strategy: kind of the strategy that ranked.
        order: eligible gateways, best first.
        turn: the round-robin counter used. draw: the seed of the strategy's random draws. ``None`` where it used none.
        probe: the gateway that comes first to find out whether it is back, whatever it scored.
        why: the strategy's own words: which rule matched, which arm was drawn.
        preferred: gateways that a hook put first. preferred_by: the hook's name.
    """

    strategy: str
    order: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    turn: int | None = None
    probe: str | None = None
    draw: int | None = None
    why: str = ""
    preferred: tuple[str, ...] = ()
    preferred_by: str = ""

    def explain(self) -> str:
        """Say in words why the first gateway was chosen and what became of the others."""
        parts = [self._explain_candidate(candidate) for candidate in self.candidates]
        head = self._explain_head()
        return f"{head}: {'; '.join(parts)}" if parts else head

    def _explain_head(self) -> str:
        if not self.order:
            return "no eligible gateway"
        if self.probe is not None:
            return f"{self.probe} as a probe after its outage"
        if self.order[0] in self.preferred:
            return f"{self.order[0]} by hook {self.preferred_by}"
        why = f" ({self.why})" if self.why else ""
        return f"{self.order[0]} by {self.strategy.replace('_', ' ')}{why}"

    @staticmethod
    def _explain_candidate(candidate: Candidate) -> str:
        if candidate.dropped is not None:
            return f"{candidate.gateway} dropped ({candidate.dropped})"
        if candidate.score is None:
            return f"{candidate.gateway} not ranked"
        return f"{candidate.gateway} scored {candidate.score:.4g}"
