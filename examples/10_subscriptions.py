"""Events out: every subscriber gets every event at least once, in order; in the engine's own database exactly once."""

import asyncio
import logging
import sqlite3
import tempfile
import threading
from pathlib import Path

from aegispay import AegisPay, Card, EventTransaction, PaymentFields, RetrySchedule, SimulatedGateway, StoredEvent

logging.getLogger("aegispay").addHandler(logging.NullHandler())  # the refusals below would be warnings
TABLES = ["CREATE TABLE IF NOT EXISTS sales (payment_id TEXT, number INTEGER)"]
SOON = RetrySchedule(delays_s=(0.1, 0.1, 0.1))
refusals = ["mailbox full", "mailbox full"]
mailed: list[str] = []
is_mailed, is_counted = asyncio.Event(), threading.Event()


def order(key: str) -> PaymentFields:
    method = Card(token="tok_visa")
    return {"idempotency_key": key, "amount": "10", "currency": "USD", "payment_method": method}


async def mail(event: StoredEvent) -> None:
    if refusals:
        raise ConnectionError(refusals.pop())  # it comes again, and later events of this payment wait for it
    mailed.append(f"{event.event.type} (event {event.version})")
    if event.event.type == "payment.succeeded":
        is_mailed.set()


def count(event: StoredEvent, transaction: EventTransaction) -> None:
    ((sold,),) = transaction.query("SELECT count(*) FROM sales")
    transaction.execute("INSERT INTO sales VALUES (?, ?)", (event.payment_id, sold + 1))  # commits with the cursor
    if sold == 1:
        is_counted.set()


async def main(database: Path) -> None:
    async with AegisPay(database, gateways=[SimulatedGateway("alpha")]) as aegis:
        await aegis.subscribe(["payment.initiated", "payment.succeeded"], mail, name="mailer", retry=SOON)
        await aegis.pay(**order("order-1"))
        await is_mailed.wait()
        print("mailed:", ", ".join(mailed))
    async with AegisPay(database, gateways=[SimulatedGateway("alpha")]) as aegis:
        await aegis.pay(**order("order-2"))
        await aegis.subscribe("payment.succeeded", count, name="sales", from_="start", transactional=True, setup=TABLES)
        await asyncio.to_thread(is_counted.wait)
        await aegis.unsubscribe("sales")  # waits for the handler that is running, and for its commit
        for each in await aegis.subscriptions():
            print(f"{each.name}: {each.lag_events} events behind")
    connection = sqlite3.connect(database)
    print("sales:", [number for (number,) in connection.execute("SELECT number FROM sales")])
    connection.close()


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(Path(directory) / "payments.db"))
