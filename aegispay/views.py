"""What the engine answers about many payments and about itself."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors.gateway import GatewayMetrics
from aegispay.domain.payment import Payment
from aegispay.domain.routing import RoutingDecision
from aegispay.domain.state import PaymentState
from aegispay.observability.snapshot import DoubtMetrics, EngineMetrics
from aegispay.ports import Parking

__all__ = ["DoubtMetrics", "EngineHealth", "EngineMetrics", "PaymentPage", "RoutePreview", "RoutePrice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """One page of payments, newest first.

    Attributes:
        next_cursor: pass as `after` for the next page; ``None`` on the last.
    """

    payments: tuple[Payment, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePrice:
    """What one gateway would take for one charge.

    Attributes:
        cost_minor: in minor units of `currency`, fractions kept; ``None`` when its contract declares no price.
    """

    gateway: str
    cost_minor: float | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePreview:
    """Where a payment would go.

    Attributes:
        decision: the record that would be stored with the first attempt.
        prices: of every registered gateway, those that are not eligible included.
    """

    decision: RoutingDecision
    prices: tuple[RoutePrice, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The gateways that would be tried, best first; empty when none is eligible."""
        return self.decision.order

    def explain(self) -> str:
        """Say in words why the first gateway would be chosen, and what became of the others."""
        return self.decision.explain()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHealth:
    """The engine at a glance.

    Attributes:
        is_healthy: at least one gateway takes payments, nothing is parked for crashing and the store answers.
        states: number of payments by state; counting them takes time with their number.
        parked: payments set aside because they kept crashing, or because a hook wants a review.
        in_flight: requests inside the engine now. calls: gateway calls running now. actors: payment actors in memory.
        recovering: payments of an earlier run that are still being picked up.
    """

    is_healthy: bool
    gateways: tuple[GatewayMetrics, ...]
    states: dict[PaymentState, int]
    parked: tuple[Parking, ...]
    in_flight: int
    calls: int
    actors: int
    recovering: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReport:
    """What became of a customer's personal data.

    Attributes:
        payments: of the customer.
        events: events of these whose personal data cannot be read any more.
        plain_events: events whose personal data can still be read: a version before encryption wrote them in the open,
            and changing them would break the hash chain.
    """

    payments: int
    events: int
    plain_events: int
