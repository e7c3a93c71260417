"""An engine with subscribers in a process of its own, for tests that kill it: `python -m … ROLE DIRECTORY SEED`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from aegispay import AegisPay, SimulatedGateway
from tests.integration.engine.rig import order

TABLES = ["CREATE TABLE IF NOT EXISTS told (event_id TEXT NOT NULL)"]
READERS = 4
BUYERS = 8


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def note(event, transaction) -> None:
    transaction.execute("INSERT INTO told VALUES (?)", (event.event_id,))


class Reader:
    """Writes down what it gets, one line each, so that a kill leaves no half of one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def __call__(self, event) -> None:
        os.write(self._file, f"{event.payment_id} {event.version}\n".encode())


async def subscribe(aegis: AegisPay, where: Path) -> None:
    await aegis.subscribe("*", note, name="books", from_="start", transactional=True, setup=TABLES)
    for number in range(READERS):
        name = f"reader-{number}"
        await aegis.subscribe("*", Reader(where / name), name=name, from_="start")


async def buy(where: Path, seed: int) -> None:
    """Pay without end; print each payment once it is acknowledged."""
    async with AegisPay(where / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        await subscribe(aegis, where)
        say("open")

        async def shop(buyer: int) -> None:
            number = 0
            while True:
                number += 1
                say((await aegis.pay(**order(f"order-{seed}-{buyer}-{number}"))).id)

        await asyncio.gather(*map(shop, range(BUYERS)))


async def drain(where: Path, _seed: int) -> None:
    """Let every subscriber come to the end of the log."""
    async with AegisPay(where / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        await subscribe(aegis, where)
        while any(each.lag_events or each.waiting for each in await aegis.subscriptions()):
            await aegis.health()
        assert await aegis.dead_letters() == ()


if __name__ == "__main__":
    role, directory, number = sys.argv[1:]
    asyncio.run({"buy": buy, "drain": drain}[role](Path(directory), int(number)))
