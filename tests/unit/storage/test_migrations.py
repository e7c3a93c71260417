from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from aegispay import SqliteStore
from aegispay.domain.evolve import replay
from aegispay.domain.state import PaymentState
from aegispay.errors import NewerSchemaError, StoreOpenError
from aegispay.ports import Parking, PaymentQuery
from aegispay.storage import migrations
from aegispay.storage.migrations import APPLICATION_ID, SCHEMA_VERSION, STEPS, check_version, migrate
from aegispay.storage.verify import verify
from tests import builders as b

VERSION_1 = Path(__file__).parent / "version_1.sql"
OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"


def connect(path):
    return closing(sqlite3.connect(path, isolation_level=None))


def version_1(path: Path) -> Path:
    """Make the file that schema version 1 wrote, from its text."""
    with connect(path) as database:
        database.executescript(VERSION_1.read_text(encoding="utf-8"))
    return path


def tables(database):
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def version(database):
    return database.execute("PRAGMA user_version").fetchone()[0]


def test_an_empty_file_becomes_todays_schema_marked_as_ours(tmp_path):
    with connect(tmp_path / "x.db") as database:
        migrate(database, "x.db")
        assert version(database) == SCHEMA_VERSION == len(STEPS)
        assert database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert tables(database) == {
            "events", "payments", "parking", "recoveries", "gateways", "webhook_inbox", "meta", "marks",
            "configurations", "subscribers", "deliveries", "webhook_attempts", "sqlite_sequence",
            "customer_keys", "erasures",
        }  # fmt: skip


def test_migrating_again_changes_nothing(tmp_path):
    with connect(tmp_path / "x.db") as database:
        migrate(database, "x.db")
        before = list(database.iterdump())
        migrate(database, "x.db")
        assert list(database.iterdump()) == before


def test_every_new_file_has_a_salt_of_its_own(tmp_path):
    salts = set()
    for name in ("x.db", "y.db"):
        with connect(tmp_path / name) as database:
            migrate(database, name)
            salts.add(database.execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()[0])
    assert [len(salt) for salt in salts] == [32, 32]


def test_a_file_of_version_1_is_opened_read_and_written_by_todays_code(tmp_path):
    path = version_1(tmp_path / "old.db")

    async def main():
        store = SqliteStore(path)
        await store.open()
        try:
            assert store.salt == bytes(range(32))
            (row,) = (await store.list_payments(PaymentQuery(state=PaymentState.SUCCESS))).rows
            events = await store.load(row.payment_id)
            payment = replay(row.payment_id, [each.event for each in events])
            assert (payment.state, payment.captured_minor, payment.gateway) == (PaymentState.SUCCESS, 10_000, "alpha")
            (doubtful,) = await store.unfinished()
            assert await store.begin_recoveries([doubtful]) == {doubtful: 3}
            assert await store.parked() == (
                Parking(payment_id="pay_00000000000000000000000003", cause="crash", parked_at=b.NOW),
            )
            assert await store.load_gateways() == {"alpha": '{"state": "closed"}'}
        finally:
            await store.close()

    asyncio.run(main())
    report = verify(path)
    assert (report.events, report.payments, report.problems) == (9, 3, ())
    with connect(path) as database:
        assert version(database) == SCHEMA_VERSION


def test_a_file_brought_up_to_date_has_the_same_schema_as_a_new_one(tmp_path):
    with connect(version_1(tmp_path / "old.db")) as old, connect(tmp_path / "new.db") as new:
        migrate(old, "old.db")
        migrate(new, "new.db")
        assert old.execute(OBJECTS).fetchall() == new.execute(OBJECTS).fetchall()


def test_only_the_steps_that_are_missing_are_run_in_order(tmp_path):
    done = []

    def step(number):
        def run(database):
            done.append(number)
            database.execute(f"CREATE TABLE step_{number} (a)")

        return run

    with connect(tmp_path / "x.db") as database:
        migrate(database, "x.db")
        migrate(database, "x.db", (*STEPS, step(2), step(3)))
        assert done == [2, 3]
        assert version(database) == SCHEMA_VERSION + 2
        migrate(database, "x.db", (*STEPS, step(2), step(3), step(4)))
        assert done == [2, 3, 4]


def test_a_step_that_fails_leaves_the_file_as_the_step_before_it_made_it(tmp_path):
    def good(database):
        database.execute("CREATE TABLE good (a)")

    def bad(database):
        database.execute("CREATE TABLE bad (a)")
        database.execute("INSERT INTO good VALUES (1)")
        raise OSError("power cut")

    with connect(tmp_path / "x.db") as database:
        with pytest.raises(OSError, match="power cut"):
            migrate(database, "x.db", (*STEPS, good, bad))
        assert version(database) == SCHEMA_VERSION + 1
        assert "good" in tables(database)
        assert "bad" not in tables(database)
        assert database.execute("SELECT count(*) FROM good").fetchone() == (0,)
        assert not database.in_transaction


def test_a_first_step_that_fails_leaves_an_empty_file_that_can_be_opened_again(tmp_path, monkeypatch):
    with connect(tmp_path / "x.db") as database:
        monkeypatch.setattr(migrations, "_SALT_BYTES", -1)
        with pytest.raises(ValueError, match="negative"):
            migrate(database, "x.db")
        assert tables(database) == set()
        monkeypatch.undo()
        migrate(database, "x.db")
        assert version(database) == SCHEMA_VERSION


def test_a_newer_file_is_refused_and_not_touched(tmp_path):
    with connect(tmp_path / "x.db") as database:
        migrate(database, "x.db")
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        with pytest.raises(NewerSchemaError, match=rf"x\.db has schema {SCHEMA_VERSION + 1}.*knows {SCHEMA_VERSION}"):
            migrate(database, "x.db")
        with pytest.raises(NewerSchemaError):
            check_version(database, "x.db")
        assert version(database) == SCHEMA_VERSION + 1


@pytest.mark.parametrize("user_version", [0, 1, 7])
def test_another_programs_database_is_refused_whatever_version_it_says(tmp_path, user_version):
    with connect(tmp_path / "x.db") as database:
        database.execute("CREATE TABLE cookies (a)")
        database.execute(f"PRAGMA user_version = {user_version}")
        with pytest.raises(StoreOpenError, match=r"x\.db is a SQLite database of another program"):
            migrate(database, "x.db")
        assert tables(database) == {"cookies"}


def test_a_reader_refuses_an_empty_file_and_one_that_was_not_brought_up_to_date(tmp_path, monkeypatch):
    with connect(tmp_path / "x.db") as database:
        with pytest.raises(StoreOpenError, match=r"x\.db is empty"):
            check_version(database, "x.db")
        migrate(database, "x.db")
        check_version(database, "x.db")
        monkeypatch.setattr(migrations, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        with pytest.raises(
            StoreOpenError, match=f"has schema {SCHEMA_VERSION}, this AegisPay reads {SCHEMA_VERSION + 1}"
        ) as caught:
            check_version(database, "x.db")
        assert "Open it with an engine once" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("schema.sql", "CREATE TABLE events"),
        ("schema_2.sql", "ALTER TABLE payments"),
        ("schema_3.sql", "CREATE TABLE marks"),
        ("schema_4.sql", "CREATE TABLE configurations"),
    ],
)
def test_the_schema_is_packed_with_the_code(name, statement):
    assert statement in files("aegispay.storage").joinpath(name).read_text(encoding="utf-8")
