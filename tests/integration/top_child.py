"""An engine in a process of its own: pays what it is told to, until its standard input ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aegispay import AegisPay, AegisPayConfig, SimulatedGateway
from tests.integration.engine.rig import order


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(database: Path, interval_s: float, name: str) -> None:
    config = AegisPayConfig(status_interval_s=interval_s)
    async with AegisPay(
        database, gateways=[SimulatedGateway("alpha"), SimulatedGateway("beta")], config=config
    ) as aegis:
        await aegis.subscribe("payment.*", lambda _event: None, name="mailer", from_="start")
        say("open")
        while line := await asyncio.to_thread(sys.stdin.readline):
            count = int(line)
            customer = {"id": "cust-1", "email": "someone@example.com"}
            await asyncio.gather(
                *(aegis.pay(**order(f"{name}-{count}-{number}", customer=customer)) for number in range(count))
            )
            say("paid")
    say("closed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
