"""The process is killed with SIGKILL 50 times in one run of 300 payments, and every next one finds all in order."""

from __future__ import annotations

import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aegispay.gateways.ledger import FileLedger, charges
from aegispay.storage.verify import verify
from tests.kill.launch import Launcher
from tests.kill.orders import COUNT, books, database, order

KILLS = 50
SEED = 2026
_FINAL = {"success", "failure"}


@dataclass
class Memory:
    """What callers were told, and what the processes said of it later.

    Attributes:
        ended: state and gateway of every payment, as the last process saw them.
    """

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: dict[str, tuple[str, str]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def take(self, line: dict[str, Any]) -> None:
        match line["kind"]:
            case "answer":
                self.answers[line["id"]] = line
            case "ended":
                self.ended[line["id"]] = (line["state"], line["gateway"])
            case "known":
                told = self.answers[line["id"]]
                assert line["hash"] == told["hash"], f"what a caller was told of {line['id']} was changed"
                assert line["version"] >= told["version"]
                assert told["state"] not in _FINAL or line["state"] == told["state"]

    def left(self) -> list[int]:
        answered = {line["key"] for line in self.answers.values()}
        return [number for number in range(COUNT) if order(number)["idempotency_key"] not in answered]

    def run(self, launcher: Launcher, folder: Any, kill_at: str, after: int = 1) -> None:
        """Run one process; kill it when it has said `after` lines of the kind `kill_at`."""
        acknowledged = {payment_id: line["version"] for payment_id, line in self.answers.items()}
        launcher.start("pay_all", folder, acknowledged=acknowledged, orders=self.left())
        seen: Counter[str] = Counter()
        for line in launcher.lines():
            self.take(line)
            seen[line["kind"]] += 1
            if line["kind"] == kill_at and seen[kill_at] == after:
                launcher.send(signal.SIGKILL)
                self.kills[kill_at] += 1
            if line["kind"] == "dead":
                assert line["status"] == (-signal.SIGKILL if seen[kill_at] >= after else 0)
        # A kill may come before all is said, but whoever was asked to remember did not contradict.
        assert seen["known"] <= len(acknowledged)


def moment(draw: random.Random) -> tuple[str, int]:
    """Draw when to kill: while the engine opens, right after, or when so many callers have their answers."""
    kind = draw.choices(("start", "open", "answer"), (2, 2, 6))[0]
    return kind, draw.randint(1, 6) if kind == "answer" else 1


def test_nothing_acknowledged_is_lost_and_nobody_is_charged_twice_however_often_it_is_killed(tmp_path):
    draw = random.Random(SEED)
    memory = Memory()
    with Launcher() as launcher:
        for number in range(KILLS):
            # The first two die before there is a database to speak of.
            memory.run(launcher, tmp_path, *(("start", 1) if number < 2 else moment(draw)))
        assert memory.kills.total() == KILLS
        assert min(memory.kills[kind] for kind in ("start", "open", "answer")) >= 5
        told_before_the_end = len(memory.answers)
        assert told_before_the_end >= 100
        memory.run(launcher, tmp_path, "nothing")
    check_the_end(tmp_path, memory)


def check_the_end(folder: Any, memory: Memory) -> None:
    assert len(memory.answers) == COUNT
    report = verify(database(folder))
    assert report.problems == ()
    assert report.payments == len(memory.ended) == COUNT
    assert {state for state, _ in memory.ended.values()} <= _FINAL
    for payment_id, told in memory.answers.items():
        assert told["state"] not in _FINAL or told["state"] == memory.ended[payment_id][0]
    check_books(folder, memory.ended)


def check_books(folder: Any, ended: dict[str, tuple[str, str]]) -> None:
    """The provider's own books are the judge: who paid was charged once, where the engine says, and nobody else."""
    ledger = FileLedger(books(folder))
    charged = {payment_id: [entry.gateway for entry in entries] for payment_id, entries in charges(ledger).items()}
    ledger.close()
    assert charged == {payment_id: [gateway] for payment_id, (state, gateway) in ended.items() if state == "success"}
    assert 150 < len(charged) < COUNT
    assert {gateway for gateways in charged.values() for gateway in gateways} == {"alpha", "beta"}
