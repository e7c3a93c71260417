"""One torture: a merchant's day over two providers that misbehave, while processes are killed, frozen, taken over."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aegispay import OperationStatus
from aegispay.sandbox.faults import Fault
from tests.integration.sandbox.process import SandboxProcess
from tests.kill.launch import Launcher
from tests.torture import oracle
from tests.torture.orders import GATEWAYS
from tests.torture.relay import Relay

SECRET = "whsec_" + base64.b64encode(b"for the torture only, no secret").decode()
_CHILD = "tests.torture.child"
CONTRADICTIONS = {
    Fault.WRONG_AMOUNT, Fault.WRONG_CURRENCY, Fault.FLIP_LATER, Fault.CHARGEBACK_AFTER_REFUND, Fault.WEBHOOK_CHANGED,
    Fault.REGION_SPLIT, Fault.KEY_MISMATCH, Fault.EXPIRE_AUTHORIZATION,
}  # fmt: skip
"""Faults after which gateway and engine may honestly disagree about money: nothing else excuses an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How hard it gets.

    Attributes:
        fault_share: of the providers' requests; it is spread evenly over all faults.
        kills, freezes, provider_kills: how often, at moments drawn from the seed.
        has_webhooks: whether the providers report by themselves; that hides some damage.
        breakage: the protection of the engine that is switched off, if any.
    """

    seed: int
    orders: int
    fault_share: float = 0.2
    kills: int = 0
    freezes: int = 0
    provider_kills: int = 0
    in_flight: int = 40
    has_webhooks: bool = True
    breakage: str | None = None


@dataclass(slots=True)
class Report:
    """What came of it.

    Attributes:
        problems: each disagreement that no incident explains, and each broken promise; empty when all is well.
    """

    plan: Plan
    problems: list[str] = field(default_factory=list)
    payments: int = 0
    incidents: Counter[str] = field(default_factory=Counter)
    captured_minor: int = 0
    refunded_minor: int = 0
    starts: int = 0
    faults: int = 0

    def __str__(self) -> str:
        plan = self.plan
        head = (
            f"seed {plan.seed}: {self.payments} payments, {self.starts} engine processes ({plan.kills} killed, "
            f"{plan.freezes} frozen and taken over), providers killed {plan.provider_kills} times, "
            f"{self.faults} faults; "
            f"captured {self.captured_minor / 100:.2f}, refunded {self.refunded_minor / 100:.2f}, "
            f"open incidents: {dict(self.incidents) or 'none'}"
        )
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])


class Torture:
    """One run in one folder; `run` does it all."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._source = random.Random(plan.seed)
        self._left = set(range(plan.orders))
        self._report = Report(plan)
        self._relay = Relay()
        self._launchers: list[Launcher] = []
        self._told: set[tuple[str, str]] = set()
        self._providers = {name: SandboxProcess(_made(folder / name)) for name in GATEWAYS}

    def run(self) -> Report:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._relay)
            for number, (name, provider) in enumerate(self._providers.items()):
                stack.enter_context(provider)
                self._prepare(name, provider, self._plan.seed + number)
            self._day(stack)
            self._evening(stack)
            self._judge()
        return self._report

    def _prepare(self, name: str, provider: SandboxProcess, seed: int) -> None:
        url = f"http://127.0.0.1:{self._relay.port}/{name}"
        if self._plan.has_webhooks:
            provider.admin("POST", "/admin/webhooks", {"url": url, "secret": SECRET})
        rates = {fault.value: self._plan.fault_share / len(Fault) for fault in Fault}
        provider.admin("POST", "/admin/plan", {"seed": seed, "rates": rates})

    # --- the day: everything goes wrong -------------------------------------------------------------

    def _day(self, stack: contextlib.ExitStack) -> None:
        plan = self._plan
        troubles = ["kill"] * plan.kills + ["freeze"] * plan.freezes + ["provider"] * plan.provider_kills
        self._source.shuffle(troubles)
        share = plan.orders // (len(troubles) + 1)
        launcher = self._launcher(stack)
        lines = self._start(launcher)
        for trouble in troubles:
            if not self._until(lines, len(self._left) - max(1, share + self._source.randint(-share // 2, share // 2))):
                lines = self._start(launcher)
            match trouble:
                case "kill":
                    launcher.send(signal.SIGKILL)
                    self._drain(lines)
                    lines = self._start(launcher)
                case "freeze":
                    launcher, lines = self._freeze(stack, launcher, lines)
                case _:
                    self._source.choice(list(self._providers.values())).restart()
        self._drain(lines)

    def _launcher(self, stack: contextlib.ExitStack) -> Launcher:
        self._launchers.append(stack.enter_context(Launcher(_CHILD)))
        return self._launchers[-1]

    def _start(self, launcher: Launcher, **task: Any) -> Iterator[dict[str, Any]]:
        self._report.starts += 1
        launcher.start(
            "trade",
            self._folder,
            seed=self._plan.seed,
            orders=sorted(self._left),
            urls={name: provider.url for name, provider in self._providers.items()},
            secret=SECRET,
            in_flight=self._plan.in_flight,
            breakage=self._plan.breakage,
            **task,
        )
        lines = launcher.lines()
        assert next(lines)["kind"] == "start"
        return lines

    def _until(self, lines: Iterator[dict[str, Any]], left: int) -> bool:
        """Read on until so many orders are left; return whether the process still runs then."""
        for line in lines:
            self._take(line)
            if line["kind"] == "dead":
                return False
            if line["kind"] == "done" and len(self._left) <= max(0, left):
                return True
        return False

    def _drain(self, lines: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
        read = []
        for line in lines:
            self._take(line)
            read.append(line)
        return read

    def _take(self, line: dict[str, Any]) -> dict[str, Any]:
        match line["kind"]:
            case "open":
                self._relay.target = line["port"]
            case "done":
                self._left.discard(line["number"])
            case "told":
                self._told.add((line["payment_id"], line["operation_id"]))
            case "not_quiet":
                self._report.problems += [f"not settled: {payment}" for payment in line["payments"]]
            case "dead" if line["status"] not in {0, -signal.SIGKILL}:
                logged = self._launchers[-1].logged()
                self._report.problems.append(f"the engine's process ended with {line['status']}: {logged}")
        return line

    def _freeze(
        self, stack: contextlib.ExitStack, launcher: Launcher, lines: Iterator[dict[str, Any]]
    ) -> tuple[Launcher, Iterator[dict[str, Any]]]:
        """Freeze the engine, let another take its database over, and thaw the first in the middle of that."""
        heir = self._launcher(stack)
        inherited, taken_over_at = self._take_over(launcher, heir)
        launcher.send(signal.SIGCONT)
        # Read on from before it froze: what it could write then, it was allowed to.
        told = [line for line in lines if line["kind"] == "canary" and line["at"] > taken_over_at]
        if any(line["told"] == "written" for line in told):
            self._report.problems.append(f"an engine that was taken over could still write: {told}")
        return heir, inherited

    def _take_over(self, frozen: Launcher, heir: Launcher) -> tuple[Iterator[dict[str, Any]], float]:
        """Return what the heir says, and when it had taken over."""
        # Whoever is frozen in the middle of a write holds SQLite's own lock, and nobody can take over: so while we
        # hold that lock, until the heir is there.
        database = sqlite3.connect(self._folder / "payments.db", timeout=60, isolation_level=None)
        with contextlib.closing(database) as lock:
            lock.execute("BEGIN IMMEDIATE")
            frozen.send(signal.SIGSTOP)
            inherited = self._start(heir, takeover=True)
            lock.execute("ROLLBACK")
        for line in inherited:
            self._take(line)
            if line["kind"] == "open":
                return inherited, line["at"]
        raise AssertionError(f"nobody could take over from a frozen engine: {heir.logged()}")

    # --- the evening: faults end, and everything has to settle ---------------------------------------

    def _evening(self, stack: contextlib.ExitStack) -> None:
        for provider in self._providers.values():
            self._report.faults += sum(request["fault"] is not None for request in provider.requests())
            provider.admin("DELETE", "/admin/faults")
        launcher = self._launcher(stack)
        said = self._drain(self._start(launcher, until_quiet=True))
        if self._left:
            self._report.problems.append(f"orders never carried out: {sorted(self._left)}")
        if not any(line["kind"] == "quiet" for line in said):
            self._report.problems.append("the engine never came to rest")

    def _judge(self) -> None:
        report = self._report
        movements = [moved for provider in self._providers.values() for moved in provider.movements()]
        wire = [request for provider in self._providers.values() for request in provider.requests()]
        payments = asyncio.run(oracle.read_payments(self._folder / "payments.db"))
        report.payments = len(payments)
        report.incidents = Counter(i.reason.value for p in payments.values() for i in p.incidents if i.is_open)
        report.captured_minor = sum(payment.captured_minor for payment in payments.values())
        report.refunded_minor = sum(payment.refunded_minor for payment in payments.values())
        for payment_id, operation_id in sorted(self._told):
            operation = payments[payment_id].find_operation(operation_id)
            if operation is None or operation.status is not OperationStatus.SUCCEEDED:
                report.problems.append(f"{operation_id} was told to have succeeded and is {operation}")
        explained = sum(request["fault"] in CONTRADICTIONS for request in wire)
        if sum(report.incidents.values()) > explained:
            report.problems.append(f"{dict(report.incidents)} incidents, but only {explained} faults that explain one")
        report.problems += oracle.problems(self._folder / "payments.db", movements, wire)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
