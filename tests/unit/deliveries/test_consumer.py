import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from aegispay import ValidationError
from aegispay.outbox.consumer import EffectivelyOnce


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE points (customer TEXT, points INTEGER)")
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def once(database):
    made = EffectivelyOnce("loyalty")
    made.make_table(database)
    made.make_table(database)
    return made


def reward(cursor):
    cursor.execute("INSERT INTO points VALUES ('kim', 10)")


def points(database):
    return database.execute("SELECT count(*) FROM points").fetchone()[0]


def test_an_event_that_comes_twice_takes_effect_once(database, once):
    assert once.apply(database, "pay_x-4", reward) is True
    assert once.apply(database, "pay_x-4", reward) is False
    assert points(database) == 1
    assert once.apply(database, "pay_x-5", reward) is True
    assert points(database) == 2


def test_work_that_fails_leaves_nothing_and_can_be_done_again(database, once):
    def half(cursor):
        reward(cursor)
        raise ConnectionError("not now")

    with pytest.raises(ConnectionError):
        once.apply(database, "pay_x-4", half)
    assert points(database) == 0
    assert not database.in_transaction
    assert once.apply(database, "pay_x-4", reward) is True
    assert points(database) == 1


def test_the_effects_are_on_disk_together_with_the_id(database, once, tmp_path):
    once.apply(database, "pay_x-4", reward)
    other = sqlite3.connect(tmp_path / "shop.db")
    assert points(other) == 1
    assert once.apply(other, "pay_x-4", reward) is False
    other.close()


def test_two_consumers_share_a_table_and_not_their_events(database, once):
    other = EffectivelyOnce("ledger")
    assert once.apply(database, "pay_x-4", reward)
    assert other.apply(database, "pay_x-4", reward)
    assert points(database) == 2


def test_of_two_who_handle_one_event_at_the_same_time_one_commits(database, once, tmp_path):
    other = sqlite3.connect(tmp_path / "shop.db", timeout=0)

    def meanwhile(cursor):
        reward(cursor)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            once.apply(other, "pay_x-4", reward)

    assert once.apply(database, "pay_x-4", meanwhile)
    assert once.apply(other, "pay_x-4", reward) is False
    assert points(database) == 1
    other.close()


def test_a_transaction_of_ones_own_holds_the_id_too(database, once):
    cursor = database.cursor()
    assert once.is_first(cursor, "pay_x-4")
    database.rollback()
    assert once.is_first(cursor, "pay_x-4")
    database.commit()
    assert not once.is_first(cursor, "pay_x-4")


def test_old_ids_are_forgotten_and_new_ones_kept(database, once):
    once.apply(database, "pay_x-4", reward)
    now = datetime.now(UTC)
    once.forget_before(database, now - timedelta(hours=1))
    assert once.apply(database, "pay_x-4", reward) is False
    once.forget_before(database, now + timedelta(hours=1))
    assert once.apply(database, "pay_x-4", reward) is True


@pytest.mark.parametrize("style", ["format", "pyformat", "numeric"])
def test_other_drivers_mark_parameters_in_their_own_way(style):
    asked = []

    class Cursor:
        def execute(self, statement, parameters):
            asked.append((statement, len(parameters)))

        def fetchone(self):
            return None

    assert EffectivelyOnce("loyalty", paramstyle=style).is_first(Cursor(), "pay_x-4")
    mark = {"format": "%s", "pyformat": "%s", "numeric": ":2"}[style]
    assert [count for _, count in asked] == [2, 3]
    assert all(mark in statement for statement, _ in asked)


def test_a_connection_that_commits_by_itself_is_refused(database, once, tmp_path):
    by_itself = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    with pytest.raises(ValidationError, match="commits by itself"):
        once.apply(by_itself, "pay_x-4", reward)
    by_itself.close()

    class Psycopg:
        autocommit = True

    with pytest.raises(ValidationError, match="commits by itself"):
        once.apply(Psycopg(), "pay_x-4", reward)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"consumer": ""}, "consumer"),
        ({"consumer": 4}, "consumer"),
        ({"table": "x; DROP TABLE points"}, "table"),
        ({"table": "a.b.c"}, "table"),
        ({"paramstyle": "named"}, "paramstyle"),
    ],
)
def test_names_that_cannot_be_are_refused(settings, field):
    with pytest.raises(ValidationError) as refused:
        EffectivelyOnce(**{"consumer": "loyalty", **settings})
    assert refused.value.errors[0].field == field


@pytest.mark.parametrize("event_id", ["", None, "x" * 201])
def test_an_id_that_is_none_is_refused(database, once, event_id):
    with pytest.raises(ValidationError, match="event_id"):
        once.apply(database, event_id, reward)
    assert points(database) == 0
