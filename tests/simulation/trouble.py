"""What goes wrong, drawn from a seed: how often each thing happens in this run, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

import aegispay.assembly
import aegispay.registry
from aegispay.actors.gateway import GatewayActor
from aegispay.actors.payment import PaymentActor
from aegispay.actors.router import RouterActor
from aegispay.actors.scheduler import SchedulerActor
from aegispay.gateways.holding import Holding
from tests.crash.points import CrashError, Poison
from tests.simulation.process import Process


@dataclass
class Trouble:
    """Shares per place passed; all of them go to zero when the storm is over.

    Attributes:
        crash: of a payment's actor, before and after each message.
        store: of the store, before and after each commit.
        kill: of the process, at each commit and each send.
        loss: of a request or an answer on the way.
        fault: of a provider that does something odd with a capture, void or refund.
        is_lax: whether providers check no operation against their books, so that nobody but the engine does.
    """

    draw: random.Random
    crash: float
    store: float
    kill: float
    loss: float
    fault: float
    is_lax: bool
    kills: int = field(default=0)

    @classmethod
    def of(cls, seed: int) -> Trouble:
        draw = random.Random(f"{seed}:trouble")
        return cls(
            draw=draw,
            crash=draw.choice((0.0, 0.01, 0.03)),
            store=draw.choice((0.0, 0.01, 0.03)),
            kill=draw.choice((0.0, 0.005, 0.02)),
            loss=draw.choice((0.0, 0.02, 0.1)),
            fault=draw.choice((0.0, 0.2, 0.5)),
            is_lax=draw.random() < 0.5,
        )

    def end(self) -> None:
        self.crash = self.store = self.kill = self.loss = self.fault = 0.0

    def strike(self, process: Process, place: str) -> None:
        """Perhaps kill the process at this place, or let the disk fail."""
        if self.draw.random() < self.kill:
            self.kills += 1
            process.die()
        elif place.endswith("_commit") and self.draw.random() < self.store:
            raise OSError(place)

    def maybe_crash(self, where: str) -> None:
        if self.draw.random() < self.crash:
            raise CrashError(where)

    def infect(self, patch: pytest.MonkeyPatch) -> None:
        """Make engines opened from now on use actors that this trouble can reach, and providers as strict as drawn."""
        if self.is_lax:
            patch.setattr(Holding, "refusal", lambda *_: None)
        patch.setattr(aegispay.assembly, "PaymentActor", _fragile(PaymentActor, self))
        patch.setattr(aegispay.registry, GatewayActor.__name__, _mortal(GatewayActor))
        for kind in (RouterActor, SchedulerActor):
            patch.setattr(aegispay.assembly, kind.__name__, _mortal(kind))


def _fragile(kind: Any, trouble: Trouble) -> Any:
    class Fragile(kind):
        async def on_receive(self, message: Any) -> Any:
            trouble.maybe_crash("before")
            reply = await super().on_receive(message)
            trouble.maybe_crash("after")
            return reply

    return Fragile


def _mortal(kind: Any) -> Any:
    class Mortal(kind):
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, Poison):
                raise CrashError("poisoned")
            return super().on_receive(message)

    return Mortal
