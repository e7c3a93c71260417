"""What a gateway's actor understands."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors.calls import CallResult, GatewayCall
from aegispay.actors.gateway_policies import GatewayPolicies
from aegispay.actors.messages import ControlMessage
from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.ports import GatewayHealth


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Make this call, or say at once that it was not made."""

    call: GatewayCall


@dataclass(frozen=True, slots=True)
class CallEnded(ControlMessage):
    """A call to this gateway ended; private between scope and actor.

    Attributes:
        breaker_since: since when the breaker had been in the state that let the call pass; its result says nothing
            about a later state. ``None`` when no breaker was asked.
    """

    result: CallResult
    breaker_since: float | None


@dataclass(frozen=True, slots=True)
class HealthChecked(ControlMessage):
    """A health check ended; private between scope and actor.

    Attributes:
        breaker_since: since when the breaker of charges had been in its state when the check began.
    """

    health: GatewayHealth
    breaker_since: float


@dataclass(frozen=True, slots=True)
class GetGatewayMetrics:
    """Ask for `GatewayMetrics`."""


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Operator switch: a disabled gateway gets no new charges; look-ups still pass. The reply is what to keep of it."""

    is_enabled: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ForceBreaker:
    """Hold breakers in a state until they are reset. The reply is what to keep of it.

    Attributes:
        state: open or closed. scope: which one; ``None`` for all.
    """

    state: BreakerState
    reason: str
    scope: BreakerScope | None = None


@dataclass(frozen=True, slots=True)
class ResetBreaker:
    """Close breakers, forget their faults, and leave them to themselves. The reply is what to keep of it.

    Attributes:
        scope: which one; ``None`` for all.
    """

    scope: BreakerScope | None = None


@dataclass(frozen=True, slots=True)
class SetPolicies(ControlMessage):
    """Go by these from the next message on; calls under way end as they began."""

    policies: GatewayPolicies
