"""Write a gateway: declare what it can do, translate requests and answers, decide nothing else."""

import asyncio

from aegispay import (
    AegisPay,
    Approved,
    CaptureSupport,
    ChargeRequest,
    Declined,
    DeclineKind,
    GatewayContract,
    GatewayHealth,
    MemoryStore,
    NotFound,
    Outcome,
    PaymentMethodType,
    Reason,
    Upi,
)


class UpiBank:
    """A bank that takes UPI payments and nothing else, and remembers by our reference what it did."""

    name = "upi_bank"
    contract = GatewayContract(
        methods=frozenset({PaymentMethodType.UPI}), capture=CaptureSupport.NONE, void=False, refund=False
    )

    def __init__(self) -> None:
        self.done: dict[str, Outcome] = {}

    async def charge(self, request: ChargeRequest) -> Outcome:
        return self.done.setdefault(request.reference, self.answer(request))

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        return self.done.get(request.reference, NotFound())

    async def health_check(self) -> GatewayHealth:
        return GatewayHealth(is_up=True)

    def answer(self, request: ChargeRequest) -> Outcome:
        money = request.money
        if money.amount_minor > 100_000_00:
            return Declined(kind=DeclineKind.HARD, reason=Reason.LIMIT_EXCEEDED, code="U30")
        return Approved(reference=f"upi-{request.reference}", amount_minor=money.amount_minor, currency=money.currency)


async def main() -> None:
    async with AegisPay(MemoryStore(), gateways=[UpiBank()]) as aegis:
        for key, amount in (("order_1", "499.00"), ("order_2", "250000.00")):
            method = Upi(vpa="asha@bank")
            payment = await aegis.pay(idempotency_key=key, amount=amount, currency="INR", payment_method=method)
            print(payment.money, payment.state, payment.failure.reason if payment.failure else "-")


if __name__ == "__main__":
    asyncio.run(main())
