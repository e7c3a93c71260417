"""Rules as data, a preview of where a payment would go and what it would cost, and the reasons kept with it."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay, AegisPayConfig, Card, Fee, GatewayContract, RuleBased, SimulatedGateway

RULES = RuleBased.model_validate(
    {
        "rules": [
            {
                "name": "large euro payments",
                "when": {"field": "amount", "operator": "at_least", "value": "500.00", "currency": "EUR"},
                "gateway": "premium",
            }
        ],
        "otherwise": "cost_optimised",
    }
)


def gateway(name: str, fixed_minor: int, basis_points: int) -> SimulatedGateway:
    return SimulatedGateway(
        name, contract=GatewayContract(fees=(Fee(fixed_minor=fixed_minor, basis_points=basis_points),))
    )


async def main(database: Path) -> None:
    gateways = [gateway("premium", 25, 250), gateway("flat", 90, 0), gateway("percent", 10, 180)]
    async with AegisPay(database, gateways=gateways, config=AegisPayConfig(routing=RULES)) as aegis:
        for amount in ("20.00", "90.00", "750.00"):
            preview = await aegis.preview_route(amount=amount, currency="EUR", payment_method=Card(token="tok_visa"))
            print(f"{amount:>7} EUR would go to {' → '.join(preview.order)}")
            print(
                "            "
                + ", ".join(f"{price.gateway} {price.cost_minor or 0:.0f} cents" for price in preview.prices)
            )

        await aegis.disable_gateway("premium", reason="contract ends")
        payment = await aegis.pay(
            idempotency_key="order_1", amount="750.00", currency="EUR", payment_method=Card(token="tok_visa")
        )
        print(f"paid at {payment.gateway}, because:")
        for stored in await aegis.payment_events(payment.id):
            decision = getattr(stored.event, "decision", None)
            if decision is not None:
                print("\n".join(f"  {sentence}" for sentence in decision.sentences()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
