"""The actor runtime alone."""

import asyncio
from typing import Any

from aegispay.actors import Actor, ActorSystem
from benchmarks.workbench import say, timed


class _Counter(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def on_receive(self, message: Any) -> Any:
        self.count += 1
        return self.count


async def runtime(_seed: int) -> None:
    system = ActorSystem()
    ref = system.spawn(_Counter, name="counter", capacity=1_000_000)
    count = 20_000
    with timed() as took:
        for _ in range(count):
            await ref.ask("count", block=False)
    say("actor ask", f"{took.wall_s / count * 1e6:.1f} µs round trip")
    count = 200_000
    with timed() as took:
        for _ in range(count):
            ref.tell("count")
        await ref.ask("count", block=False)
    say("actor tell", f"{count / took.wall_s:,.0f} messages/s")
    with timed() as took:
        refs = [system.spawn(_Counter, name=f"counter-{number}") for number in range(10_000)]
        await asyncio.gather(*(each.ask("count", block=False) for each in refs))
    say("actor start", f"{10_000 / took.wall_s:,.0f} actors/s, each answering once")
    await system.shutdown()
