"""The providers' books, in memory and in a file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from aegispay.gateways.ledger import (
    EntryKind,
    EntryStatus,
    FileLedger,
    ForeignFileError,
    LedgerEntry,
    MemoryLedger,
    authorized_minor,
    captured_minor,
    charged_minor,
    charges,
    refunded_minor,
)
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.testing import run_virtual
from tests.unit.gateways.requests import charge_request, operation_request


def entry(number=1, *, gateway="alpha", status=EntryStatus.DONE, **changes):
    fields = {
        "gateway": gateway,
        "kind": EntryKind.CHARGE,
        "status": status,
        "reference": f"ref-{number}",
        "charge_reference": f"ref-{number}",
        "idempotency_key": f"key-{number}",
        "digest": "d",
        "payment_id": f"pay_{number}",
        "amount_minor": 500,
        "currency": "USD",
        "at": datetime(2026, 9, 1, 12, 0, 0, 123, tzinfo=UTC),
        "answer": "{}",
    }
    return LedgerEntry(**(fields | changes))


@pytest.fixture(params=["memory", "file"])
def ledger(request, tmp_path):
    if request.param == "memory":
        yield MemoryLedger()
        return
    opened = FileLedger(tmp_path / "books.db")
    yield opened
    opened.close()


def test_an_entry_is_found_by_key_and_by_reference(ledger):
    ledger.add(entry(1))

    assert ledger.find_key("alpha", "key-1") == entry(1)
    assert ledger.find_reference("alpha", "ref-1") == entry(1)


def test_nothing_is_found_for_another_gateway_key_or_reference(ledger):
    ledger.add(entry(1))

    assert ledger.find_key("beta", "key-1") is None
    assert ledger.find_key("alpha", "key-2") is None
    assert ledger.find_reference("alpha", "ref-2") is None


def test_entries_come_in_the_order_they_were_made(ledger):
    for number in (3, 1, 2):
        ledger.add(entry(number))

    assert [made.reference for made in ledger.entries()] == ["ref-3", "ref-1", "ref-2"]


def test_only_what_was_charged_counts_as_charged(ledger):
    ledger.add(entry(1, amount_minor=500))
    ledger.add(entry(1, gateway="beta", amount_minor=300))
    ledger.add(entry(2, status=EntryStatus.REFUSED))

    assert charged_minor(ledger, "pay_1") == 800
    assert charged_minor(ledger, "pay_2") == 0
    assert set(charges(ledger)) == {"pay_1"}


def test_the_latest_entry_of_a_key_or_reference_counts(ledger):
    ledger.add(entry(1, status=EntryStatus.OPEN))
    ledger.add(entry(1))

    assert ledger.find_key("alpha", "key-1").status is EntryStatus.DONE
    assert ledger.find_reference("alpha", "ref-1").status is EntryStatus.DONE
    assert [made.status for made in ledger.entries()] == [EntryStatus.OPEN, EntryStatus.DONE]


def test_a_payments_entries_are_found_without_the_others_and_at_every_gateway(ledger):
    refund = {"payment_id": "pay_1", "kind": EntryKind.REFUND}
    made = [entry(1), entry(2), entry(3, gateway="beta", **refund), entry(4, **refund)]
    for each in made:
        ledger.add(each)

    assert list(ledger.of_payment("pay_1")) == [made[0], made[2], made[3]]
    assert list(ledger.of_payment("pay_9")) == []


def test_sums_count_what_was_carried_out_by_its_kind(ledger):
    amounts = {"authorize": 1, "charge": 10, "capture": 100, "void": 1_000, "refund": 10_000}
    for kind, amount_minor in amounts.items():
        for status in EntryStatus:
            about = {"payment_id": "pay_1", "kind": EntryKind(kind), "amount_minor": amount_minor}
            ledger.add(entry(f"{kind}-{status}", status=status, **about))

    assert authorized_minor(ledger, "pay_1") == 1
    assert captured_minor(ledger, "pay_1") == charged_minor(ledger, "pay_1") == 110
    assert refunded_minor(ledger, "pay_1") == 10_000
    assert [each.kind for each in charges(ledger)["pay_1"]] == ["charge", "capture"]


def test_what_an_entry_says_survives_the_file(tmp_path):
    made = entry(1, kind=EntryKind.CAPTURE, charge_reference="ref-0", is_final=True, status=EntryStatus.REFUSED)
    with contextlib.closing(FileLedger(tmp_path / "books.db")) as ledger:
        ledger.add(made)
        (found,) = ledger.entries()

    assert found == made
    assert (type(found.kind), type(found.status), type(found.is_final)) == (EntryKind, EntryStatus, bool)


def test_a_transaction_that_fails_leaves_nothing_in_the_file(tmp_path):
    with contextlib.closing(FileLedger(tmp_path / "books.db")) as ledger:
        with contextlib.suppress(ZeroDivisionError), ledger.transaction():
            ledger.add(entry(1))
            ledger.add(entry(1 // 0))
        assert list(ledger.entries()) == []
        with ledger.transaction():
            ledger.add(entry(2))
        assert list(ledger.entries()) == [entry(2)]


def test_two_processes_books_in_one_file_take_turns(tmp_path):
    path = tmp_path / "books.db"
    with contextlib.closing(FileLedger(path)) as first, contextlib.closing(FileLedger(path)) as second:
        second._database.execute("PRAGMA busy_timeout = 0")
        with first.transaction():
            first.add(entry(1))
            with pytest.raises(sqlite3.OperationalError, match="locked"), second.transaction():
                pass
        with second.transaction():
            assert second.find_key("alpha", "key-1") == entry(1)


def old_file(path):
    """Write a file as the first version did: one charge, one decline."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("""
        CREATE TABLE ledger (
            position INTEGER PRIMARY KEY, gateway TEXT NOT NULL, reference TEXT NOT NULL,
            idempotency_key TEXT NOT NULL, digest TEXT NOT NULL, payment_id TEXT NOT NULL,
            amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, is_charged INTEGER NOT NULL, answer TEXT NOT NULL
        );
        CREATE INDEX ledger_key ON ledger (gateway, idempotency_key);
        CREATE INDEX ledger_reference ON ledger (gateway, reference);
        INSERT INTO ledger VALUES (1, 'alpha', 'ref-1', 'key-1', 'd', 'pay_1', 500, 'USD', 1, '{}');
        INSERT INTO ledger VALUES (2, 'alpha', 'ref-2', 'key-2', 'd', 'pay_2', 500, 'USD', 0, '{}');
    """)
    database.close()


def test_a_file_of_the_first_version_is_brought_up_to_date_and_nothing_is_forgotten(tmp_path):
    path = tmp_path / "books.db"
    old_file(path)
    for _ in range(2):
        with contextlib.closing(FileLedger(path)) as ledger:
            found = list(ledger.entries())
            assert ledger.find_key("alpha", "key-1") == found[0]
    opened_at = found[0].at

    assert found == [entry(1, at=opened_at), entry(2, at=opened_at, status=EntryStatus.REFUSED)]


def test_a_charge_of_the_first_version_can_be_refunded_and_is_not_repeated(tmp_path):
    with contextlib.closing(FileLedger(tmp_path / "new.db")) as ledger:
        run_virtual(SimulatedGateway("alpha", ledger=ledger).charge(charge_request(1)))
        (new,) = ledger.entries()
    old_file(tmp_path / "books.db")
    database = sqlite3.connect(tmp_path / "books.db", isolation_level=None)
    row = (new.reference, new.idempotency_key, new.digest, new.payment_id, new.amount_minor, new.answer)
    database.execute("INSERT INTO ledger VALUES (3, 'alpha', ?, ?, ?, ?, ?, 'USD', 1, ?)", row)
    database.execute("DELETE FROM ledger WHERE position < 3")
    database.close()

    with contextlib.closing(FileLedger(tmp_path / "books.db")) as ledger:
        alpha = SimulatedGateway("alpha", ledger=ledger)
        again = run_virtual(alpha.charge(charge_request(1)))
        run_virtual(alpha.refund(operation_request("refund", gateway_reference=again.reference)))
        assert (captured_minor(ledger, "pay_1"), refunded_minor(ledger, "pay_1")) == (1_000, 1_000)


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "books.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE ledger (position INTEGER)")
    database.execute("PRAGMA user_version = 3")
    database.close()
    before = path.read_bytes()

    with pytest.raises(ForeignFileError, match="newer version"):
        FileLedger(path)

    assert path.read_bytes() == before


def test_what_the_gateway_finds_stays_true_until_it_has_written(tmp_path):
    class Watched(FileLedger):
        def find_key(self, gateway, idempotency_key):
            found.append(self._database.in_transaction)
            return super().find_key(gateway, idempotency_key)

        def add(self, added):
            written.append(self._database.in_transaction)
            super().add(added)

    found: list[bool] = []
    written: list[bool] = []
    with contextlib.closing(Watched(tmp_path / "books.db")) as ledger:
        alpha = SimulatedGateway("alpha", ledger=ledger)
        run_virtual(alpha.charge(charge_request(1)))
        run_virtual(alpha.refund(operation_request("refund")))

    assert (found, written) == ([True, True], [True, True])


@pytest.mark.parametrize("make", [lambda _: MemoryLedger(), lambda path: FileLedger(path / "books.db")])
def test_charging_twice_under_one_key_from_many_threads_is_one_charge(make, tmp_path):
    ledger = make(tmp_path)
    alpha = SimulatedGateway("alpha", ledger=ledger)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: asyncio.run(alpha.charge(charge_request(1))), range(80)))

    assert answers == [answers[0]] * 80
    assert len(list(ledger.entries())) == 1
    if isinstance(ledger, FileLedger):
        ledger.close()


def test_a_file_keeps_its_entries_when_it_is_opened_again(tmp_path):
    first = FileLedger(tmp_path / "books.db")
    first.add(entry(1))
    first.close()

    second = FileLedger(tmp_path / "books.db")
    found = list(second.entries())
    second.close()

    assert found == [entry(1)]


def test_a_file_keeps_its_entries_when_the_process_is_killed(tmp_path):
    program = textwrap.dedent("""
        import os, signal, sys
        from aegispay.gateways.ledger import FileLedger
        from tests.unit.gateways.test_ledger import entry
        ledger = FileLedger(sys.argv[1])
        ledger.add(entry(1))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    path = tmp_path / "books.db"

    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    survivor = FileLedger(path)
    found = list(survivor.entries())
    survivor.close()

    assert killed.returncode == -9
    assert found == [entry(1)]


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE events (position INTEGER)")
    database.close()
    before = path.read_bytes()

    with pytest.raises(ForeignFileError, match="something else"):
        FileLedger(path)

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("idempotency_key,amount\n" * 100)

    with pytest.raises(sqlite3.DatabaseError):
        FileLedger(path)
