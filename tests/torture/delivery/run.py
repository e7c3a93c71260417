"""One torture of everything that leaves the engine: kills at seeded points, and then a count of who got what."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import signal
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aegispay import SqliteStore, StoredEvent
from aegispay.storage.verify import verify
from tests.kill.launch import Launcher
from tests.torture.delivery.child import ENDPOINTS, SUBSCRIBERS, database, received
from tests.torture.delivery.receiver import Receiver

SECRET = "whsec_" + base64.b64encode(b"for the torture only, no secret").decode()
PLACES = ("before_commit", "after_commit", "in_handler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How hard it gets: so many payments, so many kills at points drawn from the seed."""

    seed: int
    orders: int
    kills: int


@dataclass(slots=True)
class Report:
    """What came of it.

    Attributes:
        problems: each broken promise; empty when all is well.
        deaths: where processes were killed.
        repeated: handed over more than once, as at-least-once allows.
        lags: how far everybody was behind when the last order was paid.
    """

    plan: Plan
    problems: list[str] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    events: int = 0
    handed_over: int = 0
    repeated: int = 0
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    lags: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        head = (
            f"seed {self.plan.seed}: {self.plan.orders} payments, {self.events} events, kills {dict(self.deaths)}; "
            f"{self.handed_over} handed over ({self.repeated} of them again), {self.accepted} webhooks accepted, "
            f"refused {self.refused}"
        )
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])


class DeliveryTorture:
    """One run in one folder; `run` does it all."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._source = random.Random(plan.seed)
        self._left = set(range(plan.orders))
        self._report = Report(plan)

    def run(self) -> Report:
        with contextlib.ExitStack() as stack:
            receiver = stack.enter_context(Receiver(secret=SECRET, seed=self._plan.seed).serving())
            launcher = stack.enter_context(Launcher("tests.torture.delivery.child"))
            # Some lives end before they are killed: they had less to do than it would have taken.
            for number in range(3 * self._plan.kills):
                if self._report.deaths.total() < self._plan.kills:
                    self._live(launcher, receiver, number, die=self._death(number))
            self._live(launcher, receiver, 3 * self._plan.kills)
            self._judge(receiver)
        return self._report

    def _death(self, number: int) -> dict[str, Any]:
        place = PLACES[number % len(PLACES)]
        # A payment makes about a hundred handlings; commits are shared, and there are fewer of them.
        share = self._plan.orders // (self._plan.kills + 1)
        return {
            "place": place,
            "after": self._source.randint(share, 150 * share if place == "in_handler" else 4 * share),
        }

    def _live(self, launcher: Launcher, receiver: Receiver, number: int, **task: Any) -> None:
        is_last = "die" not in task
        share = max(1, self._plan.orders // (self._plan.kills + 1))
        orders = sorted(self._left)[: None if is_last else 2 * share]
        launcher.start(
            "trade",
            self._folder,
            seed=self._plan.seed + number,
            orders=orders,
            receiver=receiver.url,
            secret=SECRET,
            patience_s=600 if is_last else 5,
            **task,
        )
        for line in launcher.lines():
            match line["kind"]:
                case "done":
                    self._left.discard(line["number"])
                case "traded":
                    self._report.lags = line["lags"]
                    receiver.is_well = is_last
                case "not_quiet" if is_last:
                    self._report.problems += [f"never came to rest: {each}" for each in line["statuses"]]
                case "dead" if line["status"] == -signal.SIGKILL and not is_last:
                    self._report.deaths[task["die"]["place"]] += 1
                case "dead" if line["status"] != 0:
                    self._report.problems.append(f"life {number} ended with {line['status']}: {launcher.logged()}")

    # --- who got what -------------------------------------------------------------------------------

    def _judge(self, receiver: Receiver) -> None:
        report = self._report
        if self._left:
            report.problems.append(f"orders never paid: {sorted(self._left)}")
        log = asyncio.run(_read_log(database(self._folder)))
        report.events = len(log)
        everything = {event.event_id for event in log}
        refunds = {event.event_id for event in log if event.event.type.startswith("payment.refund_")}
        for name in SUBSCRIBERS[:-2]:
            self._judge_subscriber(name, refunds if name == "refunds" else everything)
        for name, place, table in (("booked", database(self._folder), "booked"), ("once", self._once(), "counted")):
            self._judge_table(name, place, table, everything)
        for name in ENDPOINTS:
            self._judge_endpoint(name, receiver, everything)
        report.problems += [f"forged: {each}" for each in receiver.forged]
        report.problems += verify(database(self._folder)).problems
        fast = max(lag for name, lag in report.lags.items() if name.startswith("plain-"))
        if self._plan.orders > 100 and report.lags["slow"] <= fast:
            report.problems.append(f"the slow one kept up, so nothing shows that nobody waits for it: {report.lags}")

    def _once(self) -> Path:
        return self._folder / "once.db"

    def _judge_subscriber(self, name: str, wanted: set[str]) -> None:
        lines = [line.split() for line in received(self._folder, name).read_text().splitlines()]
        got = Counter(event_id for event_id, _, _ in lines)
        self._report.handed_over += len(lines)
        self._report.repeated += len(lines) - len(got)
        self._compare(name, set(got), wanted)
        self._report.problems += out_of_order(name, ((payment, int(version)) for _, payment, version in lines))

    def _judge_table(self, name: str, path: Path, table: str, wanted: set[str]) -> None:
        with contextlib.closing(sqlite3.connect(path)) as own:
            rows = own.execute(f"SELECT event_id, payment_id, version FROM {table} ORDER BY rowid").fetchall()
        again = [event_id for event_id, times in Counter(row[0] for row in rows).items() if times > 1]
        self._report.handed_over += len(rows)
        if again:
            self._report.problems.append(f"{name}: counted more than once: {again[:5]}")
        self._compare(name, {row[0] for row in rows}, wanted)
        self._report.problems += out_of_order(name, ((row[1], row[2]) for row in rows))

    def _judge_endpoint(self, name: str, receiver: Receiver, wanted: set[str]) -> None:
        accepted = receiver.accepted[name]
        self._report.accepted += len(accepted)
        self._report.refused[name] = receiver.refused[name]
        if name == "gone":
            if accepted:
                self._report.problems.append("whoever was gone has got something")
            return
        self._compare(f"hook-{name}", {event_id for event_id, _ in accepted}, wanted)
        wrong = [each for each in accepted if each[0].rsplit("-", 1)[1] != str(each[1])]
        if wrong:
            self._report.problems.append(f"hook-{name}: ids and sequence numbers differ: {wrong[:5]}")

    def _compare(self, name: str, got: set[str], wanted: set[str]) -> None:
        if got != wanted:
            self._report.problems.append(
                f"{name}: {len(wanted - got)} events are missing ({sorted(wanted - got)[:3]}), "
                f"{len(got - wanted)} never happened"
            )


def out_of_order(name: str, handed_over: Iterable[tuple[str, int]]) -> list[str]:
    """Return which payments' events came out of order: the first time, each follows the one before it."""
    reached: defaultdict[str, int] = defaultdict(int)
    problems = []
    for payment_id, version in handed_over:
        if version > reached[payment_id]:
            if reached[payment_id] and version != reached[payment_id] + 1 and name != "refunds":
                problems.append(f"{name}: version {version} of {payment_id} came after {reached[payment_id]}")
            reached[payment_id] = version
    return problems


async def _read_log(path: Path) -> list[StoredEvent]:
    store = SqliteStore(path, read_only=True)
    await store.open()
    try:
        log: list[StoredEvent] = []
        while page := await store.read_all(after=len(log), limit=1_000):
            log += page
        return log
    finally:
        await store.close()
