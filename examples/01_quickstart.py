"""Take one payment. Nothing to install beside AegisPay, nothing to configure."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay, Card, Customer, SimulatedGateway


async def main(database: Path) -> None:
    async with AegisPay(database, gateways=[SimulatedGateway("alpha"), SimulatedGateway("beta")]) as aegis:
        payment = await aegis.create_payment(
            idempotency_key="order_123",
            amount="100.00",
            currency="USD",
            payment_method=Card(token="tok_visa"),
            customer=Customer(id="cust_123"),
        )
        print("created:  ", payment.state)

        payment = await aegis.process_payment(payment.id)
        print("processed:", payment.state, payment.money, "at", payment.gateway)

        again = await aegis.process_payment(payment.id)
        print("again:    ", again.state, "- the same payment, no second charge:", again == payment)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
