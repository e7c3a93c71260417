"""A long storm: a steady load over HTTP sandboxes, everything disturbed for a while, and then calm again.

``python -m tests.torture.chaos --clients 30000 --per-s 50`` takes ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from aegispay import AegisPay, BreakerPolicy, SqliteStore
from aegispay.chaos import (
    ActorCrash,
    ActorKind,
    Chaos,
    ChaosPlan,
    ChaosReport,
    ClockJump,
    Delay,
    GatewayError,
    GatewayLatency,
    GatewayRateLimit,
    GatewayTimeout,
    GatewayUnavailable,
    MessageDelay,
    MessageDuplicate,
    StoreCommitUnknown,
    StoreFails,
    StoreSlow,
    When,
    Window,
)
from aegispay.gateways.sandbox import SandboxGateway
from aegispay.sandbox.faults import Fault
from tests.integration.sandbox.process import SandboxProcess
from tests.torture import child, oracle
from tests.torture.chaos_load import Load, Phase, pause
from tests.torture.orders import GATEWAYS
from tests.torture.run import CONTRADICTIONS

_PROVIDER_FAULTS = [fault for fault in Fault if fault not in CONTRADICTIONS and not fault.startswith("webhook_")]
"""Nobody reports here, and engine and provider have to agree to the cent: no incident is excused."""
_SHARE = 0.2
_QUIET_LOOKS_MAX = 1_200
_TOLD_MAX = 100
# With the breakers of calmer days hardly a call would leave, and the storm would be a lull.
_PATIENT = BreakerPolicy(failures_max=50, failure_share_min=0.6, open_s=1.0)
# Actors of finished payments go soon, so that what is held at rest is not what is merely kept warm.
_CONFIG = child.CONFIG.model_copy(update={"breaker": _PATIENT, "actor_idle_s": 2.0, "finished_kept": 100})

STORM = ChaosPlan(
    name="storm",
    duration_s=86_400.0,
    injections_max=1_000_000,
    faults=(
        GatewayLatency(rate=0.2, delay=Delay(distribution="exponential", longest_s=1.0)),
        GatewayError(rate=0.05),
        GatewayError(rate=0.05, when=When.AFTER),
        GatewayTimeout(rate=0.03, after_s=1.0),
        GatewayTimeout(rate=0.03, after_s=1.0, when=When.AFTER),
        GatewayUnavailable(rate=0.03, when=When.AFTER),
        GatewayRateLimit(rate=0.03),
        ActorCrash(actor=ActorKind.PAYMENT, rate=0.01),
        ActorCrash(actor=ActorKind.PAYMENT, rate=0.01, when=When.AFTER),
        ActorCrash(actor=ActorKind.ROUTER, rate=0.0005),
        ActorCrash(actor=ActorKind.GATEWAY, rate=0.0005),
        MessageDelay(rate=0.02, delay=Delay(longest_s=0.5)),
        MessageDuplicate(rate=0.05, delay=Delay(longest_s=0.5)),
        StoreFails(rate=0.01),
        StoreCommitUnknown(rate=0.01),
        StoreSlow(rate=0.05, delay=Delay(longest_s=0.3)),
        ClockJump(by_s=300.0, window=Window(start_s=20.0, duration_s=3.0)),
        ClockJump(by_s=-300.0, window=Window(start_s=30.0, duration_s=3.0)),
    ),
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process holds."""

    tasks: int
    files: int
    memory_kb: int


def usage() -> Usage:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Usage(len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") // 1024)


@dataclass(slots=True)
class Report:
    """What came of it; `problems` is empty when every promise held, nothing leaked and the pace came back."""

    seed: int
    phases: list[Phase] = field(default_factory=list)
    bare: Usage = Usage(0, 0, 0)
    warm: Usage = Usage(0, 0, 0)
    rest: Usage = Usage(0, 0, 0)
    closed: Usage = Usage(0, 0, 0)
    payments: int = 0
    provider_faults: int = 0
    chaos: ChaosReport | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def pace(self) -> float:
        """Payments per second after the storm, as a share of those before it."""
        return self.phases[-1].per_s / self.phases[0].per_s

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {self.payments} payments, {self.provider_faults} faults of providers"]
        lines += [
            f"  {phase.name}: {phase.clients} clients, {len(phase.paid_at)} have paid, {phase.per_s:.1f} per second in "
            f"its second half, errors {phase.errors or 'none'}"
            for phase in self.phases
        ]
        lines += [
            f"  pace after the storm: {self.pace:.0%} of that before",
            f"  warm: {self.warm}",
            f"  rest: {self.rest}",
            f"  closed: {self.closed}, before it was opened: {self.bare}",
            str(self.chaos),
        ]
        return "\n".join([*lines, *(f"  PROBLEM {problem}" for problem in self.problems)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """How long and how hard.

    Attributes:
        clients: in all: a quarter before the storm, half in it, a quarter after.
        memory_growth_max: what the process may hold in the end, as a multiple of what it held when warm.
    """

    seed: int
    clients: int
    per_s: float
    plan: ChaosPlan = STORM
    pace_min: float = 0.8
    memory_growth_max: float = 1.5

    def run(self, folder: Path) -> Report:
        report = Report(self.seed)
        with contextlib.ExitStack() as stack:
            providers = {}
            for name in GATEWAYS:
                (folder / name).mkdir(parents=True)
                providers[name] = stack.enter_context(SandboxProcess(folder / name))
            asyncio.run(self._live(folder / "payments.db", providers, report))
            movements = [moved for provider in providers.values() for moved in provider.movements()]
            wire = [request for provider in providers.values() for request in provider.requests()]
        report.provider_faults = sum(request["fault"] is not None for request in wire)
        report.problems += oracle.problems(folder / "payments.db", movements, wire)
        payments = asyncio.run(oracle.read_payments(folder / "payments.db"))
        report.payments = len(payments)
        report.problems += [f"{payment!r} has an incident" for payment in payments.values() if payment.incidents]
        self._judge(report)
        return report

    async def _live(self, database: Path, providers: dict[str, SandboxProcess], report: Report) -> None:
        chaos = Chaos(self.plan, seed=self.seed, allow=True)
        chaos.stop()
        gateways = [
            SandboxGateway(
                name, url=provider.url, api_key=f"sk_sandbox_{name}",
                contract=child.CONTRACT,
            )
            for name, provider in providers.items()
        ]  # fmt: skip
        aegis = AegisPay(SqliteStore(database), gateways=gateways, config=_CONFIG, chaos=chaos)
        await asyncio.to_thread(gc.collect)  # the pool's own files and thread belong to nobody's leak
        report.bare = usage()
        async with aegis:
            load = Load(aegis, seed=self.seed, per_s=self.per_s)
            report.phases.append(await load.run("before", self.clients // 4))
            report.warm = usage()
            await self._faults(providers, _SHARE)
            chaos.resume()
            operator = asyncio.create_task(_unpark(aegis))
            report.phases.append(await load.run("storm", self.clients // 2))
            chaos.stop()
            await self._faults(providers, 0.0)
            report.phases.append(await load.run("after", self.clients // 4))
            await load.finish()
            await _until_quiet(aegis, report)
            operator.cancel()
            report.rest = usage()
            report.chaos = chaos.report()
        await asyncio.gather(operator, return_exceptions=True)
        report.closed = usage()

    async def _faults(self, providers: dict[str, SandboxProcess], share: float) -> None:
        rates = {fault.value: share / len(_PROVIDER_FAULTS) for fault in _PROVIDER_FAULTS}
        for number, provider in enumerate(providers.values()):
            plan = {"seed": self.seed + number, "rates": rates if share else {}}
            await _told(provider, plan)

    def _judge(self, report: Report) -> None:
        warm, rest = report.warm, report.rest
        if report.pace < self.pace_min:
            report.problems.append(f"the pace came back to {report.pace:.0%} only")
        # Closed, because an open engine rightly keeps connections to its providers.
        if report.closed.tasks > report.bare.tasks:
            report.problems.append(f"{report.closed.tasks - report.bare.tasks} tasks are left over")
        if report.closed.files > report.bare.files:
            report.problems.append(f"{report.closed.files - report.bare.files} files are left open")
        if rest.memory_kb > warm.memory_kb * self.memory_growth_max:
            report.problems.append(f"memory grew from {warm.memory_kb} to {rest.memory_kb} kB")


async def _told(provider: SandboxProcess, plan: dict[str, Any]) -> None:
    """Give a provider its plan; it may be refusing connections just now."""
    for _ in range(_TOLD_MAX):
        try:
            await asyncio.to_thread(provider.admin, "POST", "/admin/plan", plan)
        except httpx.TransportError:
            await pause(0.1)
        else:
            return
    raise AssertionError(f"{provider.url} could not be reached")


async def _unpark(aegis: AegisPay) -> None:
    while True:
        with contextlib.suppress(Exception):
            for parking in (await aegis.health()).parked:
                await aegis.unpark_payment(parking.payment_id, operator="chaos")
        await pause(1.0)


async def _until_quiet(aegis: AegisPay, report: Report) -> None:
    for _ in range(_QUIET_LOOKS_MAX):
        left: list[Any] = [payment async for payment in child._open_payments(aegis)]
        health = await aegis.health()
        if not left and not health.calls and health.actors <= _CONFIG.finished_kept:
            return
        await pause(0.1)
    report.problems += [f"not settled: {payment!r}" for payment in left]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clients", type=int, default=30_000)
    parser.add_argument("--per-s", type=float, default=50.0)
    given = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        report = replace(Storm(seed=7, clients=1, per_s=1.0), **vars(given)).run(Path(folder))
    sys.stdout.write(f"{report}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
