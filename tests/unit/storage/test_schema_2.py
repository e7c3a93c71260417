"""The step from schema 1 to 2: doubts get the time since when, and the inbox keeps what was said."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from aegispay import SqliteStore
from aegispay.ports import Doubts, PaymentQuery, Receipt
from aegispay.storage.migrations import STEPS, migrate
from aegispay.storage.rows import to_us
from aegispay.storage.verify import verify
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, Stream, entry, write
from tests.unit.storage.disk import on_disk

ASKED_AGAIN = b.NOW + timedelta(minutes=10)
TABLES = ("events", "payments", "parking", "recoveries", "gateways", "meta")


@pytest.fixture
def old(tmp_path):
    """A file as schema 1 wrote it: a payment that succeeded, a new doubt, and one that was checked in vain."""
    today = tmp_path / "today.db"

    async def scenario(store):
        await write(store, Stream(1, metadata={}), steps=(CHARGE, APPROVE))
        await write(store, Stream(2, metadata={}), steps=(CHARGE, DOUBT))
        await write(store, Stream(3, metadata={}), steps=(CHARGE, DOUBT, (b.outcome(b.unknown(), at=ASKED_AGAIN),)))

    on_disk(today, scenario)
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        migrate(database, "old.db", STEPS[:1])
        database.execute("ATTACH ? AS today", (str(today),))
        for table in TABLES:
            columns = ", ".join(column[1] for column in database.execute(f"PRAGMA main.table_info({table})"))
            database.execute(f"INSERT OR REPLACE INTO main.{table} SELECT {columns} FROM today.{table}")
    return path


def opened(path, scenario):
    async def main():
        store = SqliteStore(path)
        await store.open()
        try:
            return await scenario(store)
        finally:
            await store.close()

    return asyncio.run(main())


def test_the_old_file_does_have_schema_1(old):
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        assert "doubt_since" not in [row[1] for row in database.execute("PRAGMA table_info(payments)")]
        assert database.execute("SELECT count(*) FROM payments WHERE in_doubt = 1").fetchone() == (2,)


def test_every_payment_and_event_is_kept_and_the_audit_is_clean(old):
    async def scenario(store):
        return await store.read_all(), (await store.list_payments(PaymentQuery())).rows

    with closing(sqlite3.connect(old)) as database:
        hashes = [digest.hex() for (digest,) in database.execute("SELECT hash FROM events ORDER BY position")]
    log, rows = opened(old, scenario)
    assert [event.hash for event in log] == hashes
    assert {row.payment_id for row in rows} == {Stream(number).id for number in (1, 2, 3)}
    assert verify(old).problems == ()


def test_a_doubt_is_dated_by_its_first_open_answer_and_nothing_else_is(old):
    async def scenario(store):
        return {row.payment_id: row.doubt_since for row in (await store.list_payments(PaymentQuery())).rows}

    assert opened(old, scenario) == {Stream(1).id: None, Stream(2).id: b.NOW, Stream(3).id: b.NOW}


def test_doubts_are_counted_from_then_on(old):
    assert opened(old, lambda store: store.doubts()) == Doubts(payments=2, oldest_since=b.NOW, incidents=0)


def test_a_doubt_whose_events_cannot_be_read_is_dated_by_its_last_change(old):
    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        database.execute("UPDATE events SET data = '{' WHERE payment_id = ? AND version = 2", (Stream(3).id,))
        migrate(database, "old.db")
        dates = dict(database.execute("SELECT payment_id, doubt_since FROM payments").fetchall())
    assert dates == {Stream(1).id: None, Stream(2).id: to_us(b.NOW), Stream(3).id: to_us(ASKED_AGAIN)}


def test_the_new_inbox_takes_notifications(old):
    async def scenario(store):
        receipt = await store.receive(entry())
        return receipt, await store.inbox_due(b.NOW)

    assert opened(old, scenario) == (Receipt.STORED, (entry(),))


def test_a_damaged_notification_does_not_hold_up_the_others(old):
    async def scenario(store):
        await store.receive(entry())
        return await store.inbox_due(b.NOW)

    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        migrate(database, "old.db")
        database.execute("INSERT INTO webhook_inbox VALUES ('alpha', 'evt_0', 'd', '{', 1, 'waiting', 0, 1)")
    assert opened(old, scenario) == (entry(),)


def test_a_step_that_is_interrupted_leaves_schema_1_and_is_run_again(old):
    def interrupted(database):
        STEPS[1](database)
        raise OSError("power cut")

    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        before = list(database.iterdump())
        with pytest.raises(OSError, match="power cut"):
            migrate(database, "old.db", (STEPS[0], interrupted))
        assert list(database.iterdump()) == before
    assert opened(old, lambda store: store.doubts()).payments == 2
