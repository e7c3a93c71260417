"""What a charge is worth: the chance that it is approved, times what is left of the money."""

from __future__ import annotations

from collections.abc import Mapping

from aegispay.domain.routing.model import Facts, GatewaySnapshot, RoutingRequest

_RATE_MIN = 0.001


def cost_facts(snapshot: GatewaySnapshot, request: RoutingRequest) -> dict[str, float]:
    """Return what this payment would cost at the gateway, in minor units of its currency; nothing without a price."""
    fee = snapshot.contract.fee(request.currency, request.method)
    return {} if fee is None else {"cost_minor": float(fee.cost_minor(request.amount_minor))}


def assumed_costs_minor(facts: Mapping[str, Facts]) -> dict[str, float]:
    """Return what to reckon with for each gateway: one without a price is not free, but as dear as the dearest."""
    dearest = max((known["cost_minor"] for known in facts.values() if "cost_minor" in known), default=0.0)
    return {name: known.get("cost_minor", dearest) for name, known in facts.items()}


def expected_value(approval_rate: float, cost_minor: float, amount_minor: int, margin: float = 1.0) -> float:
    """Return approval rate x (margin x amount - cost), as a share of the amount.

    Where a charge costs more than it brings, it grows with the rate all the same: the payment is wanted, or it would
    not have been asked for.
    """
    left = margin - cost_minor / max(amount_minor, 1)
    return approval_rate * left if left >= 0 else left / max(approval_rate, _RATE_MIN)
