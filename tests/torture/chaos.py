"""A long storm: a steady load over HTTP sandboxes, everything disturbed for a while, and then calm again.

``python -m tests.torture.chaos --clients 30000 --per-s 50`` takes ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from aegispay import AegisPay, AegisPayConfig, BreakerPolicy, SqliteStore
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
from tests.torture.chaos_load import AT_WORK, Load, Phase, pause
from tests.torture.orders import GATEWAYS
from tests.torture.run import CONTRADICTIONS
from tests.torture.usage import Processor, Samples, Stopwatch, Usage, usage

_PROVIDER_FAULTS = [fault for fault in Fault if fault not in CONTRADICTIONS and not fault.startswith("webhook_")]
"""Nobody reports here, and engine and provider have to agree to the cent: no incident is excused."""
_SHARE = 0.2
_QUIET_LOOKS_MAX = 1_200
_TOLD_MAX = 100
_CONTRACT = replace(child.CONTRACT, concurrency_max=100)
_FILES_MAX = 40
"""Files of an engine at rest beside a connection for each call there may be: the database, spare connections."""
_SAMPLE_S = 1.0
# With the breakers of calmer days hardly a call would leave, and the storm would be a lull.
_PATIENT = BreakerPolicy(failures_max=50, failure_share_min=0.6, open_s=1.0)
# Actors of finished payments go soon, so that what is held at rest is not what is merely kept warm.
# As hasty as the torture: what a busy machine cannot do in time has to wait, and nothing of it may be done in vain.
_CONFIG = AegisPayConfig(
    breaker=_PATIENT,
    common_cause_max=10_000,
    check_delays_s=(0.5, 1.0, 2.0, 4.0, 8.0),
    wake_interval_s=0.1,
    answer_grace_s=1.0,
    actor_idle_s=2.0,
    finished_kept=100,
    shutdown_s=3.0,
)

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


@dataclass(slots=True)
class Report:
    """What came of it; `problems` is empty when every promise held, nothing leaked and the pace came back."""

    seed: int
    phases: list[Phase] = field(default_factory=list)
    bare: Usage = field(default_factory=Usage)
    warm: Usage = field(default_factory=Usage)
    rest: Usage = field(default_factory=Usage)
    closed: Usage = field(default_factory=Usage)
    memory_growth: float = 0.0
    processor: Processor | None = None
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
            f"  {phase.name}: {phase.clients} clients, {phase.offered_per_s:.1f} per second; {len(phase.paid_at)} have "
            f"paid, {phase.per_s:.1f} per second in its second half, errors {phase.errors or 'none'}"
            for phase in self.phases
        ]
        lines += [
            f"  pace after the storm: {self.pace:.0%} of that before",
            f"  memory in the last two thirds of the storm and the calm after it: times {self.memory_growth:.2f}",
            f"  not opened: {self.bare}",
            f"  warm: {self.warm}",
            f"  at rest: {self.rest}",
            f"  closed: {self.closed.tasks} tasks, {self.closed.files} files",
            f"  the engine's process: {self.processor}",
            str(self.chaos),
        ]
        return "\n".join([*lines, *(f"  PROBLEM {problem}" for problem in self.problems)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """How long and how hard.

    Attributes:
        clients: in all: a quarter before the storm, half in it, a quarter after.
        memory_growth_max: what the process may hold in the end, as a multiple of what it held after a third of the
            time since the faults began.
    """

    seed: int
    clients: int
    per_s: float
    plan: ChaosPlan = STORM
    pace_min: float = 0.8
    memory_growth_max: float = 1.1

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
                name,
                url=provider.url,
                api_key=f"sk_sandbox_{name}",
                contract=_CONTRACT,
            )
            for name, provider in providers.items()
        ]
        aegis = AegisPay(SqliteStore(database), gateways=gateways, config=_CONFIG, chaos=chaos)
        await asyncio.to_thread(gc.collect)  # the pool's own files and thread belong to nobody's leak
        report.bare = usage()
        stopwatch, samples = Stopwatch(), Samples(pause, every_s=_SAMPLE_S)
        async with aegis:
            load = Load(aegis, seed=self.seed, per_s=self.per_s)
            report.phases.append(await load.run("before", self.clients // 4))
            report.warm = usage()
            await self._faults(providers, _SHARE)
            chaos.resume()
            beside = [asyncio.create_task(_unpark(aegis)), asyncio.create_task(samples.take())]
            report.phases.append(await load.run("storm", self.clients // 2))
            chaos.stop()
            await self._faults(providers, 0.0)
            report.phases.append(await load.run("after", self.clients // 4))
            report.processor, report.memory_growth = stopwatch.read(), samples.growth
            await load.finish()
            await _until_quiet(aegis, report)
            for task in beside:
                task.cancel()
            report.chaos = chaos.report()
        await asyncio.gather(*beside, return_exceptions=True)
        report.closed = usage()

    async def _faults(self, providers: dict[str, SandboxProcess], share: float) -> None:
        rates = {fault.value: share / len(_PROVIDER_FAULTS) for fault in _PROVIDER_FAULTS}
        for number, provider in enumerate(providers.values()):
            plan = {"seed": self.seed + number, "rates": rates if share else {}}
            await _told(provider, plan)

    def _judge(self, report: Report) -> None:
        bare, rest, closed = report.bare, report.rest, report.closed
        files_max = bare.files + len(GATEWAYS) * _CONTRACT.concurrency_max + _FILES_MAX
        for is_wrong, problem in (
            (report.pace < self.pace_min, f"the pace came back to {report.pace:.0%} only"),
            (rest.files > files_max, f"{rest.files} files are open at rest, {files_max} at most were expected"),
            (closed.tasks > bare.tasks, f"{closed.tasks - bare.tasks} tasks are left over"),
            (closed.files > bare.files, f"{closed.files - bare.files} files are left open"),
            (report.memory_growth > self.memory_growth_max, f"memory grew to {report.memory_growth:.0%}"),
        ):
            if is_wrong:
                report.problems.append(problem)


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
    """Wait until nothing is open, and note what the engine holds then."""
    left: list[Any] = []
    for _ in range(_QUIET_LOOKS_MAX):
        await pause(0.1)
        if not await _seems_quiet(aegis):
            continue
        report.rest = usage()
        # Reads every payment, so not at every look, and not before memory was looked at.
        left = [payment async for payment in child._open_payments(aegis)]
        if not left:
            return
    report.problems += ["it did not come to rest", *(f"not settled: {payment!r}" for payment in left)]


async def _seems_quiet(aegis: AegisPay) -> bool:
    health, metrics = await aegis.health(), await aegis.metrics()
    at_work = sum(health.states.get(state, 0) for state in AT_WORK)
    return not (at_work or health.calls or metrics.doubts.payments) and health.actors <= _CONFIG.finished_kept


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
