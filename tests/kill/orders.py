"""The 300 orders, the gateways and the settings that every process of the kill tests uses."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from aegispay import AegisPayConfig, GatewayContract, LookupAuthority, SimulatedGateway
from aegispay.domain.breaker import BreakerPolicy
from aegispay.gateways.ledger import FileLedger

COUNT = 300
_TIMEOUT_S = 0.3
_TOKENS = (
    *("tok_visa",) * 12,
    "tok_declined",
    "tok_soft_declined",
    "tok_error_after_charge",
    "tok_raise_after_charge",
    "tok_garbage_after_charge",
    "tok_hang_after_charge",
)

CONFIG = AegisPayConfig(
    answer_grace_s=0.2,
    check_delays_s=(0.05, 0.1, 0.2),
    wake_interval_s=0.05,
    answer_timeout_s=5.0,
    breaker=BreakerPolicy(failures_max=10_000),
    # More than the kills: here nobody's fault is what a payment is interrupted by.
    recoveries_max=1_000,
)


def order(number: int) -> dict[str, Any]:
    draw = random.Random(f"order {number}")
    return {
        "idempotency_key": f"order-{number}",
        "amount": f"{draw.randint(1, 90_000) / 100:.2f}",
        "currency": draw.choice(("USD", "EUR", "KWD")),
        "payment_method": {"type": "card", "token": draw.choice(_TOKENS)},
    }


def gateways(ledger: FileLedger) -> list[SimulatedGateway]:
    """Return one gateway that can only be sent the same request again, and one that can be asked what it did."""
    contracts = {
        "alpha": GatewayContract(lookup=LookupAuthority.NONE, timeout_s=_TIMEOUT_S),
        "beta": GatewayContract(timeout_s=_TIMEOUT_S),
    }
    return [
        SimulatedGateway(name, latency_s=(0.0, 0.02), contract=contract, ledger=ledger)
        for name, contract in contracts.items()
    ]


def database(folder: Path) -> Path:
    return folder / "payments.db"


def books(folder: Path) -> Path:
    return folder / "provider.db"
