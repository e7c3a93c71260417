"""Every payment is an actor: send it messages yourself, from the loop or from any thread."""

import asyncio
import tempfile
from pathlib import Path

from aegispay import AegisPay, Card, SimulatedGateway
from aegispay.actors.payment import GetPayment, ProcessPayment


async def main(database: Path) -> None:
    async with AegisPay(database, gateways=[SimulatedGateway("alpha", latency_s=0.2)]) as aegis:
        created = await aegis.create_payment(
            idempotency_key="order_7", amount=5000, currency="JPY", payment_method=Card(token="tok_visa")
        )
        ref = aegis.payment_ref(created.id)

        started = await ref.ask(ProcessPayment(), block=False)
        print("the intent is on disk, the gateway is being called:", started.state)

        busy = await ref.ask(GetPayment(), block=False)
        print("the actor answers while the gateway is still busy:", busy.state)

        done = await aegis.process_payment(created.id)
        print("joining the same processing:", done.state)

        final = await asyncio.to_thread(ref.ask, GetPayment())
        print("asked from another thread:", final.state)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
