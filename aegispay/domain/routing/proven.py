"""What may be believed of a gateway's numbers: few samples prove little."""

from __future__ import annotations

from aegispay.domain.breaker import BreakerState
from aegispay.domain.routing.model import Facts, GatewaySnapshot

_PRIOR_SUCCESS_RATE = 0.9
"""A gateway without samples ranks below one that is proven good and above one that is proven bad."""
_PRIOR_CALLS = 10
"""How many calls that assumption weighs: one lucky or unlucky call proves nothing yet."""
_UNPROVEN_LATENCY_S = 1.0
"""The same for latency: slower than a good gateway, faster than a bad one."""


def rate_facts(snapshot: GatewaySnapshot) -> dict[str, float]:
    """Return what `proven_rate` needs."""
    facts = {"samples": float(snapshot.samples)}
    if snapshot.success_rate is not None:
        facts["success_rate"] = snapshot.success_rate
    if snapshot.breaker is BreakerState.HALF_OPEN:
        facts["half_open"] = 1.0
    return facts


def proven_rate(facts: Facts) -> float:
    """Return the success rate, drawn towards the assumption the fewer samples there are."""
    rate, samples = facts.get("success_rate"), facts.get("samples", 0.0)
    if rate is None:
        return _PRIOR_SUCCESS_RATE
    return (rate * samples + _PRIOR_SUCCESS_RATE * _PRIOR_CALLS) / (samples + _PRIOR_CALLS)


def proven_latency_s(facts: Facts) -> float:
    """Return the median latency, or what is assumed without one."""
    return facts.get("latency_p50_s", _UNPROVEN_LATENCY_S)
