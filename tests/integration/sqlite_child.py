"""A process of its own that holds or writes a database, for tests that kill it: `python -m … ROLE PATH SEED`."""

from __future__ import annotations

import asyncio
import sys

from aegispay import SqliteStore
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, Stream

WRITERS = 8


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def hold(path: str, _seed: int) -> None:
    """Open the database, say so, and keep it until standard input ends."""
    store = SqliteStore(path)
    await store.open()
    say("open")
    await asyncio.to_thread(sys.stdin.read)
    await store.close()


async def append(path: str, seed: int) -> None:
    """Append without end, from several writers; print each append once it is acknowledged."""
    store = SqliteStore(path)
    await store.open()
    say("open")

    async def write(writer: int) -> None:
        number = seed * 1_000_000 + writer
        while True:
            number += WRITERS
            stream = Stream(number)
            for each in stream.all(CHARGE, DOUBT if number % 3 == 0 else APPROVE):
                version = await store.append(each)
                say(f"{stream.id} {version}")
            attempts = await store.begin_recoveries([stream.id])
            say(f"{stream.id} recovery {attempts[stream.id]}")

    await asyncio.gather(*map(write, range(WRITERS)))


if __name__ == "__main__":
    role, database, number = sys.argv[1:]
    asyncio.run({"hold": hold, "append": append}[role](database, int(number)))
