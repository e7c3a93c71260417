"""Your own code at ten places of the engine: it decides by verdicts, and can hurt nothing else."""

import asyncio

from aegispay import AegisPay, Card, Customer, MemoryStore, Money, SimulatedGateway
from aegispay.hooks import Allow, Enrich, EventContext, PaymentContext, Prefer, RequestContext
from aegispay.hooks.high_value import HighValue
from aegispay.hooks.velocity import Velocity

GOOD_CUSTOMERS = {"ann"}
heard: list[str] = []

aegis = AegisPay(MemoryStore(), gateways=[SimulatedGateway("alpha"), SimulatedGateway("beta")])
aegis.hooks.register(HighValue(Money.of("1000", "USD"), then="review").hook(on_failure="closed"))
aegis.hooks.register(Velocity(per_customer=2).hook(on_failure="open"))


@aegis.hooks.enrichment(is_quick=True)
def tier(context: RequestContext) -> Enrich:
    customer = context.customer
    return Enrich({"tier": "gold" if customer and customer.id in GOOD_CUSTOMERS else "new"})


@aegis.hooks.fraud_check(on_failure="closed", priority=100)
async def known_customers(context: PaymentContext) -> Allow:
    await asyncio.sleep(0)  # ask your own service here: the payment waits, nobody else does
    return Allow(is_final=context.payment.metadata["tier"] == "gold")


@aegis.hooks.routing_strategy(is_quick=True)
def gold_goes_to_beta(context: PaymentContext) -> Prefer | None:
    return Prefer(("beta",)) if context.payment.metadata["tier"] == "gold" else None


@aegis.hooks.event_listener("payment.succeeded", is_quick=True)
def tell(context: EventContext) -> None:
    heard.append(f"{context.payment.idempotency_key} at {context.payment.gateway}")


async def pay(key: str, amount: str, customer: str) -> None:
    card, payer = Card(token=f"tok_{customer}"), Customer(id=customer)
    payment = await aegis.pay(idempotency_key=key, amount=amount, currency="USD", payment_method=card, customer=payer)
    why = payment.failure.message if payment.failure else payment.review.reason if payment.review else ""
    print(f"{key}: {'waits for a review' if payment.is_parked else payment.state} {why}".rstrip())


async def main() -> None:
    async with aegis:
        await pay("ann-1", "5000", "ann")
        await pay("bob-1", "5000", "bob")
        for number in (2, 3, 4):
            await pay(f"bob-{number}", "10", "bob")
    print("heard of:", ", ".join(heard))
    for report in aegis.hooks.list("fraud_check"):
        print(f"{report.name}: asked {report.called}, refused {report.refused}")


asyncio.run(main())
