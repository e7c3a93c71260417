"""A thousand impatient clients, one key: one payment, one charge, one answer."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay, Card, IdempotencyConflictError, SimulatedGateway


async def main(database: Path) -> None:
    gateway = SimulatedGateway("alpha", latency_s=0.05)
    async with AegisPay(database, gateways=[gateway]) as aegis:

        async def pay(amount: str) -> str:
            try:
                payment = await aegis.pay(
                    idempotency_key="order_1", amount=amount, currency="EUR", payment_method=Card(token="tok_visa")
                )
            except IdempotencyConflictError as conflict:
                return f"conflict in {', '.join(conflict.fields)}"
            return f"{payment.id} {payment.state}"

        *same, other = await asyncio.gather(*(pay("25.00") for _ in range(1000)), pay("99.00"))

    print("different answers among the thousand:", len(set(same)))
    print("the one with another amount:", other)
    print("charges in the provider's own ledger:", sum(entry.is_charged for entry in gateway.ledger.entries()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
