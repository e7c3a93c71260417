"""Write a gateway: declare what it can do, translate requests and answers, decide nothing."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import (
    AegisPay,
    Approved,
    ChargeRequest,
    Declined,
    DeclineKind,
    Fee,
    GatewayContract,
    GatewayHealth,
    NotFound,
    Outcome,
    PaymentMethodType,
    Reason,
    Upi,
)


class UpiBank:
    """A bank that takes UPI payments in rupees and remembers what it did by our reference."""

    name = "upi_bank"
    contract = GatewayContract(
        methods=frozenset({PaymentMethodType.UPI}),
        currencies=frozenset({"INR"}),
        fees=(Fee(basis_points=50),),
        timeout_s=10.0,
    )

    def __init__(self) -> None:
        self.done: dict[str, Outcome] = {}

    async def charge(self, request: ChargeRequest) -> Outcome:
        if request.reference not in self.done:
            self.done[request.reference] = self.decide(request)
        return self.done[request.reference]

    def decide(self, request: ChargeRequest) -> Outcome:
        if request.money.amount_minor > 100_000_00:
            return Declined(kind=DeclineKind.HARD, reason=Reason.LIMIT_EXCEEDED, code="U30")
        return Approved(
            reference=f"upi-{request.reference}",
            amount_minor=request.money.amount_minor,
            currency=request.money.currency,
        )

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        return self.done.get(request.reference, NotFound())

    async def health_check(self) -> GatewayHealth:
        return GatewayHealth(is_up=True)


async def main(database: Path) -> None:
    async with AegisPay(database, gateways=[UpiBank()]) as aegis:
        for amount in ("499.00", "250000.00"):
            payment = await aegis.pay(
                idempotency_key=f"order_{amount}", amount=amount, currency="INR", payment_method=Upi(vpa="asha@bank")
            )
            why = f"because {payment.failure.reason}" if payment.failure else "done"
            print(payment.money, payment.state, why)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
