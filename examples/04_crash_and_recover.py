"""Kill the process right after the provider charged and before anybody was told; then open again."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from aegispay import AegisPay, Card, ChargeRequest, Outcome, SimulatedGateway
from aegispay.gateways.ledger import FileLedger


class DeadlyGateway(SimulatedGateway):
    """Charges, and the process dies before the answer arrives."""

    async def charge(self, request: ChargeRequest) -> Outcome:
        outcome = await super().charge(request)
        os.kill(os.getpid(), signal.SIGKILL)
        return outcome


async def pay_and_die(folder: Path) -> None:
    gateway = DeadlyGateway("alpha", ledger=FileLedger(folder / "provider.db"))
    async with AegisPay(folder / "payments.db", gateways=[gateway]) as aegis:
        await aegis.pay(
            idempotency_key="order_1", amount="100.00", currency="USD", payment_method=Card(token="tok_visa")
        )


async def reopen(folder: Path) -> None:
    ledger = FileLedger(folder / "provider.db")
    async with AegisPay(folder / "payments.db", gateways=[SimulatedGateway("alpha", ledger=ledger)]) as aegis:
        payment = await aegis.get_payment_by_idempotency_key("order_1")
        while not payment.state.is_final:  # the engine asks the provider by itself; here we only watch
            await asyncio.sleep(0.02)
            payment = await aegis.get_payment(payment.id)
        print("recovered:", payment.state)
        for stored in await aegis.payment_events(payment.id):
            print("  ", stored.version, stored.event.type)
    print("charges in the provider's own ledger:", sum(entry.is_charged for entry in ledger.entries()))
    ledger.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(pay_and_die(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            died = subprocess.run([sys.executable, __file__, temporary], check=False)
            print("the first process was ended by", signal.Signals(-died.returncode).name)
            asyncio.run(reopen(Path(temporary)))
