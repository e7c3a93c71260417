"""`aegispay erase-customer`: asks, erases, says what is left."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from aegispay import AegisPay, SimulatedGateway, SqliteStore
from aegispay.cli import erase
from aegispay.cli.app import app
from tests.integration.engine.rig import order
from tests.unit.storage.test_migrations import version_1

WHO = {"id": "cust-1", "name": "Ada Lovelace"}
ASKED = ("--operator", "olga", "--reason", "asked for it")


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "payments.db"

    async def fill():
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.pay(**order("order-1", customer=WHO))
            await aegis.pay(**order("order-2", customer=WHO, merchant="other"))

    asyncio.run(fill())
    return path


def run(database, *arguments, customer="cust-1", **options):
    command = ["erase-customer", customer, "--database", str(database), *arguments]
    done = CliRunner().invoke(app, command, **options)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def names(database):
    async def read():
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            log = await store.read_all()
        finally:
            await store.close()
        return [each.event.request.customer.name for each in log if each.version == 1]

    return asyncio.run(read())


def test_it_erases_one_customer_of_one_merchant(database):
    done = run(database, *ASKED, "--yes")
    assert (done.exit_code, done.stdout) == (0, "erased from 1 events of 1 payments\n")
    assert names(database) == [None, "Ada Lovelace"]
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT operator, reason FROM erasures").fetchall() == [("olga", "asked for it")]
    assert run(database, *ASKED, "--yes", "--merchant", "other").exit_code == 0
    assert names(database) == [None, None]


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, None), ("n\n", 1, "Ada Lovelace")])
def test_it_asks_first(database, monkeypatch, answer, code, left):
    monkeypatch.setattr(erase, "can_ask", lambda: True)
    done = run(database, *ASKED, input=answer)
    assert done.exit_code == code
    assert "Erase the personal data of cust-1 of default? It cannot be undone. [y/N]" in done.stdout
    assert ("nothing was erased" in done.stdout) == (code == 1)
    assert names(database)[0] == left


def test_without_a_terminal_it_wants_to_be_told(database):
    done = run(database, *ASKED)
    assert done.exit_code == 2
    assert "nobody can be asked here: say --yes if you are sure" in done.stderr
    assert names(database) == ["Ada Lovelace"] * 2


def test_a_customer_nobody_knows_is_said_to_be_one(database):
    done = run(database, *ASKED, "--yes", customer="cust-2")
    assert (done.exit_code, done.stdout) == (1, "no payment has this customer\n")


def test_a_customer_who_is_paying_is_named(tmp_path):
    async def fill():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            return await aegis.create_payment(**order("order-1", customer=WHO))

    payment = asyncio.run(fill())
    done = run(tmp_path / "payments.db", *ASKED, "--yes")
    assert done.exit_code == 2
    assert f"customer cust-1 has unfinished payments: {payment.id}" in done.stderr
    assert names(tmp_path / "payments.db") == ["Ada Lovelace"]


def test_what_an_older_version_wrote_in_the_open_is_said(tmp_path):
    path = version_1(tmp_path / "payments.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.execute("UPDATE payments SET customer_id = 'cust-2' WHERE state = 'processing'")
    done = run(path, *ASKED, "--yes")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "erased from 0 events of 1 payments",
        "1 events were written in the open by an older version and can still be read",
    ]


def test_traces_that_are_left_are_an_error(database, monkeypatch):
    async def blocked(self):
        return False

    monkeypatch.setattr(SqliteStore, "_sweep", blocked)
    done = run(database, *ASKED, "--yes")
    assert done.exit_code == 3
    assert "traces of it are left in the database's write-ahead log" in done.stderr


def test_beside_a_running_engine_it_says_what_to_call(database):
    async def scenario():
        async with AegisPay(database, gateways=[SimulatedGateway("alpha")]):
            return await asyncio.to_thread(run, database, *ASKED, "--yes")

    done = asyncio.run(scenario())
    assert done.exit_code == 3
    assert "Call erase_customer on the engine that has it open." in done.stderr
    assert names(database) == ["Ada Lovelace"] * 2


def test_a_database_that_does_not_exist_is_not_made(tmp_path):
    done = run(tmp_path / "none.db", *ASKED, "--yes")
    assert done.exit_code == 3
    assert "there is no database" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--operator", "olga"),
        ("--reason", "asked"),
        ("--operator", "", "--reason", "asked"),
        (*ASKED, "--merchant", ""),
    ],
)
def test_bad_input_is_refused(database, arguments):
    assert run(database, *arguments, "--yes").exit_code == 2
    assert names(database) == ["Ada Lovelace"] * 2
