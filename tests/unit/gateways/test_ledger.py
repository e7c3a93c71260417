"""The providers' books, in memory and in a file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap

import pytest

from aegispay.gateways.ledger import (
    FileLedger,
    ForeignFileError,
    LedgerEntry,
    MemoryLedger,
    charged_minor,
    charges,
)


def entry(number=1, *, gateway="alpha", is_charged=True, amount_minor=500):
    return LedgerEntry(
        gateway=gateway,
        reference=f"ref-{number}",
        idempotency_key=f"key-{number}",
        digest="d",
        payment_id=f"pay_{number}",
        amount_minor=amount_minor,
        currency="USD",
        is_charged=is_charged,
        answer="{}",
    )


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
    ledger.add(entry(2, is_charged=False))

    assert charged_minor(ledger, "pay_1") == 800
    assert charged_minor(ledger, "pay_2") == 0
    assert set(charges(ledger)) == {"pay_1"}


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
