"""Authorize, capture a part, refund; a refund whose answer is lost keeps its reservation until it is known."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay, AegisPayConfig, Card, OperationKind, OperationRefusedError, Payment, SimulatedGateway
from aegispay.gateways.script import Fault


def show(what: str, payment: Payment) -> None:
    left = payment.refundable_minor / 100
    print(f"{what:32} {payment.state:18} captured {payment.captured_minor / 100:.2f}, refundable {left:.2f}")


async def main(database: Path) -> None:
    gateway = SimulatedGateway("alpha")
    config = AegisPayConfig(check_delays_s=(0.05,), wake_interval_s=0.05)
    async with AegisPay(database, gateways=[gateway], config=config) as aegis:
        payment = await aegis.pay(
            idempotency_key="order_9",
            amount="100.00",
            currency="EUR",
            payment_method=Card(token="tok_visa"),
            capture="manual",
        )
        show("authorized", payment)
        payment = await aegis.capture_payment(payment.id, idempotency_key="shipment_1", amount="80.00")
        show("captured a part, the rest is free", payment)

        gateway.script("refund", Fault.ERROR_AFTER)
        payment = await aegis.refund_payment(payment.id, idempotency_key="return_1", amount="50.00")
        refund = payment.operation(OperationKind.REFUND, "return_1")
        assert refund is not None
        show(f"a refund is {refund.status}, and held", payment)
        try:
            await aegis.refund_payment(payment.id, idempotency_key="return_2", amount="50.00")
        except OperationRefusedError as refused:
            print("refused:", refused)

        while payment.in_doubt:
            payment = await aegis.get_payment(payment.id)
            await asyncio.sleep(0.05)
        show("the gateway was asked", payment)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
