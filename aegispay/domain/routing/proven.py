"""What may be believed of a gateway's numbers: few samples prove little."""

from __future__ import annotations

from aegispay.domain.routing.model import Facts, GatewaySnapshot

PRIOR_SUCCESS_RATE = 0.9
"""A gateway without samples ranks below one that is proven good and above one that is proven bad."""
_PRIOR_CALLS = 10
"""How many calls that assumption weighs: one lucky or unlucky call proves nothing yet."""
_UNPROVEN_LATENCY_S = 1.0
"""The same for latency: slower than a good gateway, faster than a bad one."""
PRIOR_APPROVALS, PRIOR_DECLINES = 4.25, 0.75
"""What is assumed of issuers: 85 % approved, a common share for cards that are not present; it weighs five charges."""


def rate_facts(snapshot: GatewaySnapshot) -> dict[str, float]:
    """Return what `proven_rate` needs."""
    facts = {"samples": float(snapshot.samples)}
    if snapshot.success_rate is not None:
        facts["success_rate"] = snapshot.success_rate
    return facts


def proven_rate(facts: Facts) -> float:
    """Return the share of calls without a fault, drawn towards the assumption the fewer samples there are."""
    rate, samples = facts.get("success_rate"), facts.get("samples", 0.0)
    if rate is None:
        return PRIOR_SUCCESS_RATE
    return (rate * samples + PRIOR_SUCCESS_RATE * _PRIOR_CALLS) / (samples + _PRIOR_CALLS)


def approval_facts(snapshot: GatewaySnapshot) -> dict[str, float]:
    """Return what `proven_approval` needs."""
    return rate_facts(snapshot) | {"approvals": snapshot.approvals, "declines": snapshot.declines}


def proven_approval(facts: Facts) -> float:
    """Return how likely a charge is approved: that the gateway answers, and that its answer is yes."""
    approvals = facts.get("approvals", 0.0) + PRIOR_APPROVALS
    declines = facts.get("declines", 0.0) + PRIOR_DECLINES
    return proven_rate(facts) * approvals / (approvals + declines)


def experience(facts: Facts) -> float:
    """Return how many recent charges prove something: those that were answered, and the calls that failed."""
    faults = facts.get("samples", 0.0) * (1.0 - facts.get("success_rate", 1.0))
    return facts.get("approvals", 0.0) + facts.get("declines", 0.0) + faults


def latency_facts(snapshot: GatewaySnapshot) -> dict[str, float]:
    """Return what `proven_latency_s` needs."""
    return {} if snapshot.latency_p50_s is None else {"latency_p50_s": snapshot.latency_p50_s}


def proven_latency_s(facts: Facts) -> float:
    """Return the median latency, or what is assumed without one."""
    return facts.get("latency_p50_s", _UNPROVEN_LATENCY_S)
