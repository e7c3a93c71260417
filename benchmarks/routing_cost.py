"""What it costs to route one payment: 20 gateways, 200 rules, CPU time.

Run ``python -m benchmarks.routing_cost``. Every case is timed in rounds, and the fastest and the median round are
printed: the fastest is what the code costs, the median what else ran on the machine.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.request import parse_request
from aegispay.domain.routing import GatewaySnapshot, RoutingRequest, RoutingStrategy, Strategy, route, strategy_of
from aegispay.domain.routing.rules import RuleBased

GATEWAYS = 20
RULES = 200
LIMIT_US = 100.0
_ROUNDS = 15
_CALLS = 400
_COUNTRIES = ("US", "DE", "FR", "GB", "JP", "IN", "BR", "NL", "ES", "IT")
_CURRENCIES = ("USD", "EUR", "GBP", "JPY", "INR")


def snapshots() -> list[GatewaySnapshot]:
    return [
        GatewaySnapshot(
            name=f"gateway{number}",
            contract=GatewayContract(fees=(Fee(fixed_minor=10 + number, basis_points=200 + number),)),
            success_rate=0.80 + number / 100,
            latency_p50_s=0.1 + number / 100,
            samples=100 + number,
            approvals=90.0 + number,
            declines=10.0,
        )
        for number in range(GATEWAYS)
    ]


def payment() -> RoutingRequest:
    asked = parse_request(
        idempotency_key="order-1",
        amount="250.00",
        currency="EUR",
        payment_method={"type": "card", "token": "tok_1", "brand": "visa"},
        customer={"id": "c-1", "email": "a@example.com", "billing_address": {"country": "PT"}},
        metadata={"tier": "gold", "basket": {"size": 3}},
    )
    return RoutingRequest(
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        method=asked.payment_method.type,
        payment=asked,
        at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        sticky_key="c-1",
    )


def mixed_rule(number: int) -> dict[str, Any]:
    """Return a rule as people write them: a country or a currency, an amount, sometimes metadata or the hour."""
    country, currency = _COUNTRIES[number % 10], _CURRENCIES[number % 5]
    parts: list[dict[str, Any]] = [
        {"field": "amount", "operator": "at_least", "value": str(number), "currency": currency},
        {"field": "country", "operator": "in", "value": [country, _COUNTRIES[(number + 3) % 10]]},
    ]
    if number % 3 == 0:
        parts.append({"field": "metadata.tier", "operator": "equals", "value": "silver"})
    if number % 4 == 0:
        parts.append({"field": "time.hour", "operator": "between", "value": [9, 17], "time_zone": "Europe/Berlin"})
    return {"name": f"rule {number}", "when": {"all": parts}, "gateway": f"gateway{number % GATEWAYS}"}


def plain_rule(number: int) -> dict[str, Any]:
    """Return a rule that no index helps with and that does not match: every one of them is asked."""
    condition = {"field": "metadata.basket.size", "operator": "greater_than", "value": 1_000 + number}
    return {"name": f"rule {number}", "when": condition, "gateway": f"gateway{number % GATEWAYS}"}


def rule_set(make: Callable[[int], dict[str, Any]]) -> RuleBased:
    return RuleBased(rules=[make(number) for number in range(RULES)], otherwise="highest_success_rate")  # type: ignore[arg-type]


def time_us(strategy: Strategy) -> tuple[float, float]:
    """Return the fastest and the median round, in microseconds of CPU time per decision."""
    reports, request = snapshots(), payment()
    rounds = []
    for _ in range(_ROUNDS):
        start = time.process_time_ns()
        for turn in range(_CALLS):
            route(reports, request, strategy=strategy, turn=turn, draw=turn)
        rounds.append((time.process_time_ns() - start) / _CALLS / 1_000)
    return min(rounds), statistics.median(rounds)


def main() -> int:
    cases: dict[str, Strategy] = {str(name): strategy_of(name) for name in RoutingStrategy}
    cases[f"{RULES} rules, indexed"] = rule_set(mixed_rule)
    cases[f"{RULES} rules, each asked"] = rule_set(plain_rule)
    where = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"routing one payment among {GATEWAYS} gateways, µs of CPU time ({where})")
    slowest = 0.0
    for name, strategy in cases.items():
        fastest, median = time_us(strategy)
        if isinstance(strategy, RuleBased):
            slowest = max(slowest, fastest)
        print(f"  {name:<26} fastest {fastest:6.1f}   median {median:6.1f}")
    print(f"limit of {LIMIT_US:.0f} µs for {RULES} rules: {'held' if slowest <= LIMIT_US else 'MISSED'}")
    return 0 if slowest <= LIMIT_US else 1


if __name__ == "__main__":
    sys.exit(main())
