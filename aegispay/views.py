"""What the engine answers about many payments and about itself."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors.gateway import GatewayMetrics
from aegispay.domain.payment import Payment
from aegispay.domain.state import PaymentState
from aegispay.ports import Parking


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """One page of payments, newest first.

    Attributes:
        next_cursor: pass as `after` for the next page; ``None`` on the last.
    """

    payments: tuple[Payment, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHealth:
    """The engine at a glance.

    Attributes:
        is_healthy: at least one gateway takes payments, nothing is parked and the store answers.
        states: number of payments by state; counting them takes time with their number.
        parked: payments set aside because they kept crashing.
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
