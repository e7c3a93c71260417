"""What one gateway's actor goes by; it may change while the engine runs."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.config import AegisPayConfig
from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.health import Weights
from aegispay.domain.liveness import HealthCheckPolicy
from aegispay.domain.throttle import LimitPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPolicies:
    """What one gateway's actor goes by.

    Attributes:
        approvals_half_life_s: after so long an answered charge counts half in `approvals` and `declines`.
    """

    breaker: BreakerPolicy
    weights: Weights
    limits: LimitPolicy
    checks: HealthCheckPolicy
    approvals_half_life_s: float


def policies_of(config: AegisPayConfig, gateway: str) -> GatewayPolicies:
    """Return what the configuration says for this gateway."""
    return GatewayPolicies(
        breaker=config.breaker,
        weights=config.health_weights,
        limits=config.limits.get(gateway, config.limits_default),
        checks=config.health_checks,
        approvals_half_life_s=config.approvals_half_life_s,
    )
