"""Who may take a payment at all: a filter that no strategy, rule, hook or fallback can bypass."""

from __future__ import annotations

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import CaptureSupport
from aegispay.domain.routing.model import GatewaySnapshot, RoutingRequest


def why_not_eligible(snapshot: GatewaySnapshot, request: RoutingRequest) -> str | None:
    """Return why the gateway may not take this payment now, or ``None`` when it may."""
    contract = snapshot.contract
    if request.forced is not None and snapshot.name != request.forced:
        wish = "the retry waits for" if request.is_forced_by_retry else "the request asks for"
        return f"{wish} {request.forced}"
    if snapshot.name in request.excluded:
        return "already tried"
    if snapshot.name in request.over_budget:
        return "retry budget spent"
    if not snapshot.is_enabled:
        return "disabled by an operator"
    if request.method not in contract.methods:
        return f"does not take {request.method}"
    if contract.currencies is not None and request.currency not in contract.currencies:
        return f"does not take {request.currency}"
    if request.needs_authorization and contract.capture is CaptureSupport.NONE:
        return "does not authorize without capturing"
    if snapshot.breaker is BreakerState.OPEN:
        return "breaker open"
    return None
