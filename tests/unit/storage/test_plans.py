"""No statement of the store reads a whole table: SQLite's own plans say so."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from aegispay.domain.state import PaymentState
from aegispay.ports import PaymentQuery
from aegispay.storage import appends, bulk
from aegispay.storage import statements as sql
from aegispay.storage.migrations import migrate
from aegispay.storage.queries import list_statement
from tests import builders as b

FILTERS = {
    "merchant": "shop",
    "state": PaymentState.SUCCESS,
    "customer_id": "cust-1",
    "gateway": "alpha",
    "currency": "USD",
    "in_doubt": True,
    "has_incident": True,
    "created_after": b.NOW,
    "created_before": b.NOW + timedelta(days=1),
    "after": "1.pay_1",
}
NEGATIVE = {"in_doubt": False, "has_incident": False, "parked": False}


@pytest.fixture(params=["no statistics", "statistics"])
def database(tmp_path, request):
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as opened:
        migrate(opened, "x.db")
        if request.param == "statistics":
            opened.execute("ANALYZE")
        yield opened


def plan(database, statement, parameters=None):
    given = parameters if parameters is not None else [0] * statement.count("?")
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", given)]


def listing(database, **filters):
    return plan(database, *list_statement(PaymentQuery(**filters)))


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_alone_is_a_search_of_an_index_in_the_order_of_the_list(database, name):
    (step,) = listing(database, **{name: FILTERS[name]})
    partial = {"in_doubt": "payments_in_doubt", "has_incident": "payments_incident"}
    if name in partial:
        # These indexes hold nothing but what is asked for.
        assert step == f"SCAN payments USING INDEX {partial[name]}"
    else:
        assert step.startswith("SEARCH payments USING INDEX payments_")


def test_every_combination_of_filters_reads_one_index_in_order_and_sorts_nothing(database):
    for size in range(1, len(FILTERS) + 1):
        for names in itertools.combinations(FILTERS, size):
            filters = {name: FILTERS[name] for name in names}
            step, *more = listing(database, **(NEGATIVE | filters))
            assert "USING INDEX payments_" in step, filters
            assert step.startswith("SEARCH") or filters.keys() & {"in_doubt", "has_incident"}, (filters, step)
            assert not [line for line in more if "SCAN" in line or "TEMP" in line], (filters, more)


@pytest.mark.parametrize(
    ("names", "index"),
    [
        (("merchant", "currency"), "currency"),
        (("merchant", "state"), "state"),
        (("currency", "state"), "state"),
        (("merchant", "gateway", "state"), "gateway"),
        (("gateway", "in_doubt", "state"), "in_doubt"),
        (("has_incident", "state", "merchant"), "incident"),
        (("customer_id", "merchant", "state", "in_doubt"), "customer"),
        (tuple(FILTERS), "customer"),
    ],
)
def test_of_several_filters_the_one_that_leaves_fewest_payments_chooses_the_index(database, names, index):
    step = listing(database, **{name: FILTERS[name] for name in names})[0]
    assert f"USING INDEX payments_{index}" in step


@pytest.mark.parametrize("filters", [{}, *({name: value} for name, value in NEGATIVE.items()), NEGATIVE])
def test_a_list_of_all_or_nearly_all_walks_the_index_of_its_order(database, filters):
    step, *more = listing(database, **filters)
    assert step == "SCAN payments USING INDEX payments_created"
    assert not [line for line in more if "SCAN" in line or "TEMP" in line]


@pytest.mark.parametrize("filters", [{}, FILTERS])
def test_what_is_parked_is_looked_up_one_by_one(database, filters):
    assert listing(database, parked=True, **filters) == [
        "SCAN parking",
        "SEARCH payments USING PRIMARY KEY (payment_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]


def test_due_walks_the_timers_in_order(database):
    step, *more = plan(database, sql.DUE)
    assert step == "SEARCH payments USING COVERING INDEX payments_wake (wake_at<?)"
    assert more == ["CORRELATED SCALAR SUBQUERY 1", "SEARCH parking USING PRIMARY KEY (payment_id=?)"]


def test_unfinished_searches_the_two_states_and_sorts_only_them(database):
    steps = plan(database, sql.UNFINISHED)
    assert steps == [
        "SEARCH payments USING INDEX payments_state (state=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH parking USING PRIMARY KEY (payment_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]


def test_counting_states_reads_an_index_only(database):
    assert plan(database, sql.COUNT_STATES) == ["SCAN payments USING COVERING INDEX payments_state"]


def test_counting_doubts_reads_only_what_is_in_doubt_or_has_an_incident(database):
    assert [step for step in plan(database, sql.DOUBTS) if "payments" in step] == [
        "SCAN payments USING INDEX payments_in_doubt",
        "SEARCH payments USING COVERING INDEX payments_doubt_since (doubt_since>?)",
        "SCAN payments USING INDEX payments_incident",
    ]


def test_due_notifications_are_found_in_order_among_those_that_wait(database):
    assert plan(database, sql.INBOX_DUE) == ["SEARCH webhook_inbox USING INDEX webhook_inbox_due (due_at<?)"]


def test_a_notification_is_compared_by_its_key(database):
    assert plan(database, sql.DIGEST) == [
        "SEARCH webhook_inbox USING PRIMARY KEY (gateway=? AND notification_id=?)",
    ]


def test_loading_a_stream_searches_its_index(database):
    (step,) = plan(database, sql.LOAD)
    assert step == "SEARCH events USING INDEX sqlite_autoindex_events_1 (payment_id=? AND version>?)"


def test_reading_the_log_goes_on_where_it_stopped(database):
    assert plan(database, sql.READ_ALL) == ["SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"]


def test_appending_reads_one_event_and_one_row(database):
    assert plan(database, appends.LAST_EVENT) == ["SCAN events"]
    assert appends.LAST_EVENT.endswith("ORDER BY position DESC LIMIT 1")
    assert "SEARCH payments USING PRIMARY KEY (payment_id=?)" in plan(database, appends.VERSIONS, ["[]"])
    for rows in (1, bulk.ROWS):
        assert "SEARCH payments USING PRIMARY KEY (payment_id=?)" in plan(database, appends.update_payments(rows))


@pytest.mark.parametrize(
    "statement",
    [
        sql.COUNT_RECOVERY,
        sql.END_RECOVERY,
        sql.PARK,
        sql.UNPARK,
        sql.SAVE_GATEWAY,
        sql.RECEIVE,
        sql.MERGED,
        sql.POSTPONE,
        sql.GIVE_UP,
    ],
)
def test_the_other_writes_touch_one_row_by_its_key(database, statement):
    assert not [step for step in plan(database, statement) if "SCAN" in step]
