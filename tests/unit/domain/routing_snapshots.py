"""Gateways and payments for tests of routing, in few words."""

from __future__ import annotations

from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.customer import Address, Customer
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.request import parse_request
from aegispay.domain.routing import GatewaySnapshot, RoutingRequest, draw_of, route

CARD = PaymentMethodType.CARD


def gateway(name: str, **changes) -> GatewaySnapshot:
    return GatewaySnapshot(**({"name": name, "contract": GatewayContract()} | changes))


def proven(name: str, rate: float, **changes) -> GatewaySnapshot:
    return gateway(name, **({"success_rate": rate, "samples": 1_000, "latency_p50_s": 0.1} | changes))


def judged(name: str, approvals: float, declines: float, **changes) -> GatewaySnapshot:
    """A gateway without faults, whose issuers said so often yes and no."""
    return proven(name, 1.0, approvals=approvals, declines=declines, **changes)


def priced(name: str, *fees: Fee) -> GatewaySnapshot:
    return gateway(name, contract=GatewayContract(fees=fees))


def costing(basis_points: int, fixed_minor: int = 0, currency: str | None = None) -> GatewayContract:
    return GatewayContract(fees=(Fee(basis_points=basis_points, fixed_minor=fixed_minor, currency=currency),))


def request(**changes) -> RoutingRequest:
    return RoutingRequest(**({"amount_minor": 10_000, "currency": "USD", "method": CARD} | changes))


def request_from(country: str, **changes) -> RoutingRequest:
    customer = Customer(id="cust_1", billing_address=Address(country=country))
    card = {"type": "card", "token": "tok_visa"}
    payment = parse_request(
        idempotency_key="k", amount="100.00", currency="USD", payment_method=card, customer=customer
    )
    return request(payment=payment, **changes)


def firsts(strategy, snapshots, *, count: int, salt: str = "", **changes) -> list[str]:
    """Which gateway comes first for each of so many payments."""
    return [
        route(snapshots, request(**changes), strategy=strategy, turn=n, draw=draw_of(salt, n)).order[0]
        for n in range(count)
    ]
