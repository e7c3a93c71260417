"""The ledger's file: whose it may be, who may have it open, and what survives."""

import contextlib
import sqlite3

import pytest

from aegispay.errors import StoreLockedError, StoreOpenError
from aegispay.sandbox.database import Database
from tests.unit.sandbox.rig import CHARGED, Rig, virtually


@virtually
async def test_everything_is_there_after_a_restart(tmp_path):
    ledger = str(tmp_path / "ledger.db")
    async with Rig(ledger=ledger) as rig:
        first = await rig.charge()
        before = (await rig.find("r1"), await rig.wire())
    async with Rig(ledger=ledger, seed=2) as rig:
        assert (await rig.find("r1"), (await rig.wire())[:1]) == (before[0], before[1][:1])
        again = await rig.charge()
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
        assert await rig.moved() == CHARGED


def test_a_second_sandbox_cannot_open_the_ledger(tmp_path, monkeypatch):
    monkeypatch.setattr("aegispay.sandbox.database._BUSY_S", 0.01)
    first = Database(tmp_path / "ledger.db")
    with pytest.raises(StoreLockedError, match="open in another process"):
        Database(tmp_path / "ledger.db")
    first.close()
    Database(tmp_path / "ledger.db").close()


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (id)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreOpenError, match="not a ledger"):
        Database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["text.db", "."])
def test_what_is_no_database_is_refused(tmp_path, name):
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(StoreOpenError):
        Database(tmp_path / name)


def test_a_transaction_that_fails_leaves_nothing():
    database = Database(":memory:")
    with contextlib.suppress(KeyError), database.transaction():
        database.write("INSERT INTO meta VALUES ('a', 'b')")
        assert database.row("SELECT * FROM meta") == ("a", "b")
        raise KeyError
    assert database.row("SELECT * FROM meta") is None
    database.close()
