"""Every payment is an actor: send it messages yourself, from the loop or from any thread."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay, Card, ChargeRequest, Outcome, SimulatedGateway
from aegispay.actors.payment_messages import GetPayment, ProcessPayment


class SlowGateway(SimulatedGateway):
    """Charges only when it is told to."""

    may_charge = asyncio.Event()

    async def charge(self, request: ChargeRequest) -> Outcome:
        await self.may_charge.wait()
        return await super().charge(request)


async def main(database: Path) -> None:
    gateway = SlowGateway("alpha")
    async with AegisPay(database, gateways=[gateway]) as aegis:
        created = await aegis.create_payment(
            idempotency_key="order_7", amount=5000, currency="JPY", payment_method=Card(token="tok_visa")
        )
        ref = aegis.payment_ref(created.id)

        started = await ref.ask(ProcessPayment(), block=False)
        print("the intent is on disk, the gateway is being called:", started.state)

        busy = await ref.ask(GetPayment(), block=False)
        print("the actor answers while the gateway is busy:", busy.state)

        gateway.may_charge.set()
        done = await aegis.process_payment(created.id)
        print("joining the same processing:", done.state)

        final = await asyncio.to_thread(lambda: ref.ask(GetPayment(), block=True))
        print("asked from another thread:", final.state)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
