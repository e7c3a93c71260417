"""How statistics read the table: by an index where there is a period or a filter, and beside everything else."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import pytest

from aegispay import SqliteStore
from aegispay.domain.state import PaymentState
from aegispay.errors import StoreUnavailableError
from aegispay.ports.audit import GroupBy, StatisticsQuery
from aegispay.storage import statistics
from aegispay.storage.migrations import migrate
from aegispay.storage.statistics import StatisticsReader, statistics_statement
from tests import builders as b
from tests.contracts.stores import CHARGE, StillClock, Stream, write
from tests.unit.storage.disk import on_disk

PERIOD = {"created_after": b.NOW, "created_before": b.NOW + timedelta(days=1)}
FILTERS = {
    "merchant": "shop",
    "state": PaymentState.SUCCESS,
    "customer_id": "cust-1",
    "gateway": "alpha",
    "currency": "USD",
}


@pytest.fixture(params=["no statistics", "statistics"])
def database(tmp_path, request):
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as opened:
        migrate(opened, "x.db")
        if request.param == "statistics":
            opened.execute("ANALYZE")
        yield opened


def reading(database, **query):
    statement, parameters = statistics_statement(StatisticsQuery(**query))
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("by", [(), (GroupBy.HOUR,), tuple(GroupBy)])
def test_a_period_is_a_search_of_the_index_by_time(database, by):
    assert reading(database, by=by, **PERIOD)[0] == (
        "SEARCH payments USING INDEX payments_created (created_at>? AND created_at<?)"
    )


def test_every_filter_with_a_period_is_a_search_of_an_index_that_holds_the_time(database):
    for size in range(1, len(FILTERS) + 1):
        for names in itertools.combinations(FILTERS, size):
            step = reading(database, **{name: FILTERS[name] for name in names}, **PERIOD)[0]
            assert step.startswith("SEARCH payments USING INDEX payments_"), names
            assert step.endswith("=? AND created_at>? AND created_at<?)"), names


def test_everything_at_once_is_read_in_the_order_of_the_table(database):
    assert reading(database, by=(GroupBy.STATE,))[0] == "SCAN payments"


def test_a_payment_does_not_wait_for_statistics(tmp_path, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    counted = statistics.read_statistics

    def slow(database, query):
        begun.set()
        assert go_on.wait(30)
        return counted(database, query)

    monkeypatch.setattr(statistics, "read_statistics", slow)

    async def scenario(store):
        counting = asyncio.create_task(store.statistics(StatisticsQuery()))
        await asyncio.to_thread(begun.wait, 30)
        stream = Stream(1)
        await write(store, stream, steps=(CHARGE,))
        assert len(await store.load(stream.id)) == 3
        assert not counting.done()
        go_on.set()
        (row,) = await counting
        assert row.payments == 1

    on_disk(tmp_path / "payments.db", scenario)


def test_a_reading_that_nobody_waits_for_ends_at_once(tmp_path, monkeypatch):
    path = tmp_path / "payments.db"

    async def scenario(store):
        await write(store, Stream(1))

    on_disk(path, scenario)
    reader = StatisticsReader(path, StatisticsQuery())
    # A sum up to a number that is never reached, should nobody end it.
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e9) SELECT count(*) FROM n"

    def forever(database, _query):
        reader.stop()
        return database.execute(endless).fetchall()

    monkeypatch.setattr(statistics, "read_statistics", forever)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        reader.read()


def test_a_cancelled_caller_ends_the_reading(tmp_path, monkeypatch):
    begun, stopped = threading.Event(), threading.Event()

    class Watched(StatisticsReader):
        def read(self):
            begun.set()
            assert stopped.wait(30)
            return super().read()

        def stop(self):
            super().stop()
            stopped.set()

    monkeypatch.setattr("aegispay.storage.sqlite_audit.StatisticsReader", Watched)

    async def scenario(store):
        counting = asyncio.create_task(store.statistics(StatisticsQuery()))
        await asyncio.to_thread(begun.wait, 30)
        counting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await counting
        assert stopped.is_set()

    on_disk(tmp_path / "payments.db", scenario)


def test_a_store_that_is_not_open_counts_nothing(tmp_path):
    store = SqliteStore(tmp_path / "payments.db", clock=StillClock())

    with pytest.raises(StoreUnavailableError, match="is not open"):
        asyncio.run(store.statistics(StatisticsQuery()))
