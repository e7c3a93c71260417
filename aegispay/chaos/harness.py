"""Chaos around an engine of one's own, for tests: ``async with disturbed(make_engine, plan, seed=7) as run``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aegispay.chaos.chaos import Chaos
from aegispay.chaos.plan import ChaosPlan
from aegispay.chaos.report import ChaosReport
from aegispay.engine import AegisPay


@dataclass(frozen=True, slots=True)
class ChaosRun:
    """An open engine under chaos."""

    aegis: AegisPay
    chaos: Chaos

    def stop(self) -> None:
        """Inject nothing more; the engine goes on."""
        self.chaos.stop()

    def report(self) -> ChaosReport:
        """Return what was injected so far; also after the engine was closed."""
        return self.chaos.report()


@contextlib.asynccontextmanager
async def disturbed(make: Callable[[Chaos], AegisPay], plan: ChaosPlan, *, seed: int) -> AsyncIterator[ChaosRun]:
    """Open the engine that `make` returns, with faults; close it at the end. Calling this allows them.

    Args:
        make: gets the chaos and passes it on: ``lambda chaos: AegisPay(..., chaos=chaos)``.
        plan: what goes wrong.
        seed: what it is drawn from.
    """
    chaos = Chaos(plan, seed=seed, allow=True)
    async with make(chaos) as aegis:
        yield ChaosRun(aegis, chaos)
