"""Statements of transactional subscribers: written with their progress or not at all, and kept away from the log."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sqlite3
import threading
from contextlib import closing

import pytest

from aegispay import SqliteStore
from aegispay.delivery_errors import EffectsRefusedError
from aegispay.errors import CommitUnknownError, StoreUnavailableError
from aegispay.ports.outbox import Progress, Subscriber, SubscriberKind
from aegispay.storage import foreign_sql, outbox
from tests import builders as b
from tests.contracts.stores import Stream

LEDGER = Subscriber(name="ledger", kind=SubscriberKind.TRANSACTIONAL, position=0, since=b.NOW)
TABLE = "CREATE TABLE IF NOT EXISTS booked (position INTEGER PRIMARY KEY, amount INTEGER NOT NULL)"
BOOK = "INSERT INTO booked VALUES (?, ?)"


def with_table(test):
    """Run an async test on an open store that has a subscriber with a table of its own."""

    @functools.wraps(test)
    def run(tmp_path, **fixtures):
        async def main():
            store = SqliteStore(tmp_path / "payments.db")
            await store.open()
            try:
                await store.add_subscriber(LEDGER)
                await store.make_tables([TABLE])
                await test(store, tmp_path=tmp_path, **fixtures)
            finally:
                await store.close()

        asyncio.run(main())

    # Pytest hands over what the signature names: everything but the store.
    asked = [each for name, each in inspect.signature(test).parameters.items() if name != "store"]
    run.__signature__ = inspect.Signature(asked)
    return run


def booking(position: int, amount: object = 100) -> Progress:
    effects = ((BOOK, (position, amount)),)
    return Progress(subscriber="ledger", expected_position=position - 1, position=position, effects=effects)


async def both(first, second) -> list:
    """Have both written in one transaction; return what came of each."""
    return list(await asyncio.gather(first, second, return_exceptions=True))


def booked(store) -> list:
    return store.query("SELECT position, amount FROM booked ORDER BY position", ())


async def position(store) -> int:
    return (await store.subscribers())[0].position


@with_table
async def test_effects_are_written_with_the_position(store, tmp_path):
    assert await store.advance(booking(1))
    assert booked(store) == [(1, 100)]
    assert await position(store) == 1


@with_table
async def test_effects_of_progress_that_was_made_before_are_not_written_again(store, tmp_path):
    await store.advance(booking(1))
    again = Progress(subscriber="ledger", expected_position=0, position=1, effects=((BOOK, (77, 1)),))
    assert not await store.advance(again)
    assert booked(store) == [(1, 100)]


@with_table
async def test_an_effect_that_fails_writes_nothing_and_says_why(store, tmp_path):
    two = ((BOOK, (5, 1)), (BOOK, (6, None)))
    with pytest.raises(EffectsRefusedError, match="ledger: nothing was written: NOT NULL constraint failed"):
        await store.advance(Progress(subscriber="ledger", expected_position=0, position=1, effects=two))
    assert booked(store) == []
    assert await position(store) == 0


@with_table
async def test_an_effect_that_fails_is_no_matter_of_its_neighbours_in_the_transaction(store, tmp_path):
    stream = Stream()
    refused, version = await both(store.advance(booking(1, amount=None)), store.append(stream.create()))
    assert isinstance(refused, EffectsRefusedError)
    assert version == 1
    assert len(await store.load(stream.id)) == 1


@with_table
async def test_an_effect_that_takes_too_long_is_given_up_and_its_neighbours_are_written(store, tmp_path):
    forever = "INSERT INTO booked WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, x FROM n"
    stuck = Progress(subscriber="ledger", expected_position=0, position=1, effects=((forever, ()),))
    stream = Stream()
    refused, version = await both(store.advance(stuck), store.append(stream.create()))
    assert isinstance(refused, EffectsRefusedError)
    assert f"more than {outbox.STEPS_MAX:,} steps" in str(refused)
    assert version == 1
    assert booked(store) == []
    assert await store.advance(booking(1))


@pytest.mark.parametrize(
    "effect", [("INSERT INTO booked VALUES (1, zeroblob(?))", (2_000_000,)), (BOOK, (1, "x" * 2_000_000))]
)
@with_table
async def test_an_effect_that_is_too_large_is_refused_and_its_neighbours_are_written(store, tmp_path, effect):
    large = Progress(subscriber="ledger", expected_position=0, position=1, effects=(effect,))
    refused, version = await both(store.advance(large), store.append(Stream().create()))
    assert isinstance(refused, EffectsRefusedError)
    assert version == 1
    assert booked(store) == []
    assert await store.advance(booking(1))


@pytest.mark.parametrize(
    ("point", "error", "written"),
    [("before_commit", StoreUnavailableError, 0), ("after_commit", CommitUnknownError, 1)],
)
def test_effects_and_position_share_the_fate_of_the_commit(tmp_path, point, error, written):
    failing = [False]

    def fault(reached: str) -> None:
        if failing[0] and reached == point:
            raise OSError("the disk")

    async def main():
        store = SqliteStore(tmp_path / "payments.db", faults=fault)
        await store.open()
        await store.add_subscriber(LEDGER)
        await store.make_tables([TABLE])
        failing[0] = True
        with pytest.raises(error):
            await store.advance(booking(1))
        failing[0] = False
        assert len(booked(store)) == await position(store) == written
        await store.close()

    asyncio.run(main())


REFUSED = {
    "DELETE FROM events": "not authorized",
    "UPDATE payments SET amount_minor = 0": "not authorized",
    "INSERT INTO META VALUES ('salt', x'00')": "not authorized",
    "INSERT INTO booked SELECT 1, value FROM meta": "prohibited",
    "DROP TABLE events": "not authorized",
    "ATTACH 'other.db' AS other": "not authorized",
    "PRAGMA user_version = 9": "syntax error|not authorized",
    "COMMIT": "not authorized",
    "SAVEPOINT mine": "not authorized",
    "CREATE TRIGGER t AFTER INSERT ON booked BEGIN DELETE FROM events; END": "not authorized",
    "CREATE TABLE other (a)": "not authorized",
    "INSERT INTO booked VALUES (1, 2); DELETE FROM events": "one statement at a time",
    "INSERT INTO nowhere VALUES (1)": "no such table",
    "INSERT INTO booked VALUES (?)": "supplies 0|1 values|has 2 columns",
    "nonsense": "syntax error",
    "UPDATE sqlite_master SET sql = ''": "not authorized|may not be modified",
}


@pytest.mark.parametrize("statement", REFUSED)
@with_table
async def test_a_statement_that_is_not_about_own_tables_is_refused_before_it_runs(store, tmp_path, statement):
    with pytest.raises(EffectsRefusedError, match=REFUSED[statement]) as caught:
        store.compile_effect(statement, ())
    assert "own tables" in caught.value.hint


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO booked VALUES (1, 2) ON CONFLICT DO NOTHING",
        "UPDATE booked SET amount = amount + (SELECT max(amount_minor) FROM payments)",
        "DELETE FROM booked WHERE position IN (SELECT position FROM events)",
        "INSERT INTO booked WITH n AS (SELECT 1 AS x) SELECT x, abs(x) FROM n",
    ],
)
@with_table
async def test_own_tables_may_be_written_and_the_log_may_be_read(store, tmp_path, statement):
    store.compile_effect(statement, ())
    assert booked(store) == []


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM booked", "INSERT INTO booked VALUES (1, 1)", "CREATE TABLE other (a)", "SELECT value FROM meta"],
)
@with_table
async def test_a_question_neither_writes_nor_reads_secrets(store, tmp_path, statement):
    with pytest.raises(EffectsRefusedError):
        store.query(statement, ())


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM events", "DROP TABLE events", "INSERT INTO events SELECT * FROM events", "PRAGMA journal_mode=DELETE",
     "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END", "CREATE VIEW events2 AS SELECT 1",
     "CREATE UNIQUE INDEX one_event_each ON events (payment_id)", "CREATE INDEX slow ON Payments (state)",
     "CREATE TABLE copied AS SELECT * FROM events"],
)  # fmt: skip
@with_table
async def test_making_tables_makes_tables_and_nothing_else(store, tmp_path, statement):
    with pytest.raises(EffectsRefusedError):
        await store.make_tables([statement])


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@with_table
async def test_a_question_without_end_is_given_up(store, tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_sql, "QUERY_STEPS_MAX", 10_000)
    with pytest.raises(EffectsRefusedError, match="interrupted"):
        await asyncio.to_thread(store.query, ENDLESS, ())
    assert booked(store) == []


@with_table
async def test_a_long_question_holds_up_no_other_one_and_ends_with_the_store(store, tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_sql, "QUERY_STEPS_MAX", 2**31 - 1)
    busy, taken, take = store._foreign._busy, threading.Event(), store._foreign._take

    def told():
        connection = take()
        taken.set()
        return connection

    monkeypatch.setattr(store._foreign, "_take", told)
    long = asyncio.ensure_future(asyncio.to_thread(store.query, ENDLESS, ()))
    assert await asyncio.to_thread(taken.wait, 30)
    assert await asyncio.to_thread(booked, store) == []
    store.compile_effect(BOOK, (1, 2))
    await store.close()
    with pytest.raises(EffectsRefusedError, match="interrupted"):
        await long
    assert not busy
    with pytest.raises(EffectsRefusedError, match="the database is closed"):
        booked(store)


@with_table
async def test_tables_with_checks_defaults_and_indexes_are_made(store, tmp_path):
    await store.make_tables(
        [
            "CREATE TABLE sums (name TEXT PRIMARY KEY CHECK (length(name) < 9), at TEXT DEFAULT CURRENT_TIMESTAMP)",
            "CREATE UNIQUE INDEX sums_at ON sums (at) WHERE at IS NOT NULL",
            "CREATE TABLE IF NOT EXISTS sums (name TEXT)",
        ]
    )
    assert store.query("SELECT count(*) FROM sums", ()) == [(0,)]


@with_table
async def test_the_list_of_our_own_tables_is_complete(store, tmp_path):
    from aegispay.storage.foreign_sql import _OURS

    await store.close()
    with closing(sqlite3.connect(tmp_path / "payments.db")) as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names - {"booked"} <= _OURS


def test_a_disk_that_fails_while_tables_are_made_is_not_the_statements_fault(tmp_path):
    failing = [False]

    def fault(_point: str) -> None:
        if failing[0]:
            raise OSError("the disk")

    async def main():
        store = SqliteStore(tmp_path / "payments.db", faults=fault)
        await store.open()
        failing[0] = True
        with pytest.raises(StoreUnavailableError, match="the disk"):
            await store.make_tables([TABLE])
        await store.close()

    asyncio.run(main())
