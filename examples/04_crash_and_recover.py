"""Kill the process right after the provider charged and before anybody was told; then open again."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from aegispay import AegisPay, Card, ChargeRequest, Outcome, SimulatedGateway
from aegispay.gateways.ledger import FileLedger


async def charge_and_die(folder: Path) -> None:
    ledger = FileLedger(folder / "provider.db")
    gateway = SimulatedGateway("alpha", ledger=ledger)
    charge = gateway.charge

    async def charge_then_die(request: ChargeRequest) -> Outcome:
        await charge(request)
        os.kill(os.getpid(), 9)
        raise AssertionError("dead processes do not come here")

    gateway.charge = charge_then_die  # type: ignore[method-assign]
    async with AegisPay(folder / "payments.db", gateways=[gateway]) as aegis:
        await aegis.pay(
            idempotency_key="order_1", amount="100.00", currency="USD", payment_method=Card(token="tok_visa")
        )


async def reopen(folder: Path) -> None:
    ledger = FileLedger(folder / "provider.db")
    async with AegisPay(folder / "payments.db", gateways=[SimulatedGateway("alpha", ledger=ledger)]) as aegis:
        payment = await aegis.get_payment_by_idempotency_key("order_1")
        print("found on disk:", payment.state)
        while not payment.state.is_final:
            payment = await aegis.process_payment(payment.id)
        print("recovered:    ", payment.state)
        for stored in await aegis.payment_events(payment.id):
            print("   ", stored.version, stored.event.type)
    print("charges:", sum(entry.is_charged for entry in ledger.entries()))
    ledger.close()


def main(folder: Path) -> None:
    died = subprocess.run([sys.executable, __file__, str(folder)], check=False)
    print("the first process ended with", died.returncode)
    asyncio.run(reopen(folder))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(charge_and_die(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
