"""A process is frozen with requests under way, another takes its database over, and then the first one thaws."""

from __future__ import annotations

import signal

from aegispay.gateways.ledger import FileLedger, charges
from aegispay.storage.verify import verify
from tests.kill.launch import Launcher
from tests.kill.orders import books, database

ORDERS = 20


def test_a_process_that_was_taken_over_while_frozen_writes_nothing_and_charges_nobody_again(tmp_path):
    with Launcher() as first, Launcher() as second:
        frozen = freeze_with_requests_under_way(first, tmp_path)
        taken_over = finish_instead(second, tmp_path)
        before = verify(database(tmp_path))
        first.send(signal.SIGCONT)
        thawed = list(frozen)
        after = verify(database(tmp_path))
    assert [line["kind"] for line in thawed[-2:]] == ["late", "dead"]
    assert thawed[-1]["status"] == 0
    # Whatever its callers were told, it was not that a payment ended: this process can say nothing for sure.
    assert {line["told"] for line in thawed if line["kind"] in {"answer", "late"}} == {"FencedError"}
    assert after == before
    assert after.problems == ()
    assert set(taken_over) == charged_once(tmp_path)


def freeze_with_requests_under_way(launcher, folder):
    """Start a process and stop it when all its requests have left and none has arrived; return what it says next."""
    launcher.start("be_frozen", folder, orders=list(range(ORDERS)))
    lines = launcher.lines()
    sent = 0
    while sent < ORDERS:
        sent += next(lines)["kind"] == "sent"
    launcher.send(signal.SIGSTOP)
    return lines


def finish_instead(launcher, folder):
    """Let another process take over and end all payments; return the ids of those that succeeded."""
    launcher.start("pay_all", folder, orders=list(range(ORDERS)), acknowledged={}, takeover=True)
    lines = list(launcher.lines())
    assert [line["kind"] for line in lines[-2:]] == ["end", "dead"]
    return {line["id"] for line in lines if line["kind"] == "ended" and line["state"] == "success"}


def charged_once(folder):
    """Return who was charged, after checking that nobody was charged more than once."""
    ledger = FileLedger(books(folder))
    found = charges(ledger)
    ledger.close()
    assert {len(entries) for entries in found.values()} == {1}
    return set(found)
