"""For consumers with a database of their own: what is delivered at least once takes effect once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aegispay.domain.card_data import shown
from aegispay.errors import FieldError, ValidationError

_MARKS = {
    "qmark": "?, ?, ?",
    "format": "%s, %s, %s",
    "pyformat": "%s, %s, %s",
    "numeric": ":1, :2, :3",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_EVENT_ID_LENGTH_MAX = 200
_CONSUMER_LENGTH_MAX = 100


class EffectivelyOnce:
    """Keeps the ids of the events whose effects are in a database, in the transactions that make these effects.

    It works with every DB-API 2.0 connection to a database with transactions: sqlite3, psycopg, MySQL and others. Two
    processes that handle one event at the same time cannot both commit: the table's primary key stops the second.

    Args:
        consumer: whose effects these are; several may share a table.
        table: name of the table of ids, with a schema in front if need be.
        paramstyle: how the driver marks parameters, as its module says: ``psycopg.paramstyle``.

    Raises:
        ValidationError: a name or style that cannot be.
    """

    def __init__(self, consumer: str, *, table: str = "processed_events", paramstyle: str = "qmark") -> None:
        if not isinstance(consumer, str) or not 1 <= len(consumer) <= _CONSUMER_LENGTH_MAX:
            raise _wrong("consumer", f"use 1 to {_CONSUMER_LENGTH_MAX} characters", consumer)
        if not isinstance(table, str) or not _NAME.fullmatch(table):
            raise _wrong("table", "use letters, digits and underscores", table)
        if paramstyle not in _MARKS:
            raise _wrong("paramstyle", f"use one of {', '.join(_MARKS)}", paramstyle)
        first, second, _ = _MARKS[paramstyle].split(", ")
        self._consumer = consumer
        # The table's name was checked to be one; everything else is a parameter.
        self._create = (
            f"CREATE TABLE IF NOT EXISTS {table} (consumer VARCHAR({_CONSUMER_LENGTH_MAX}) NOT NULL, "
            f"event_id VARCHAR({_EVENT_ID_LENGTH_MAX}) NOT NULL, processed_at VARCHAR(32) NOT NULL, "
            "PRIMARY KEY (consumer, event_id))"
        )
        self._find = f"SELECT 1 FROM {table} WHERE consumer = {first} AND event_id = {second}"  # noqa: S608
        self._add = f"INSERT INTO {table} (consumer, event_id, processed_at) VALUES ({_MARKS[paramstyle]})"  # noqa: S608
        self._forget = f"DELETE FROM {table} WHERE consumer = {first} AND processed_at < {second}"  # noqa: S608

    def make_table(self, connection: Any) -> None:
        """Make the table of ids if it is not there, and commit."""
        connection.cursor().execute(self._create)
        connection.commit()

    def apply(self, connection: Any, event_id: str, work: Callable[[Any], object]) -> bool:
        """Do the work for an event unless its effects are there already, and commit both as one.

        Args:
            connection: with nothing begun on it, and without autocommit.
            event_id: `StoredEvent.event_id`, or the ``webhook-id`` of a webhook.
            work: gets a cursor; it must not commit. What it raises undoes everything, and is raised again.

        Returns:
            Whether the work was done now.

        Raises:
            ValidationError: the connection commits by itself, or the id is none.
        """
        _refuse_autocommit(connection)
        try:
            cursor = connection.cursor()
            is_first = self.is_first(cursor, event_id)
            if is_first:
                work(cursor)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        return is_first

    def is_first(self, cursor: Any, event_id: str) -> bool:
        """Note an event in the transaction that has begun; return whether it is new, and its work has to be done.

        For those who commit by themselves: the work has to be in the same transaction.

        Raises:
            ValidationError: the id is none.
        """
        if not isinstance(event_id, str) or not 1 <= len(event_id) <= _EVENT_ID_LENGTH_MAX:
            raise _wrong("event_id", f"use 1 to {_EVENT_ID_LENGTH_MAX} characters", event_id)
        cursor.execute(self._find, (self._consumer, event_id))
        if cursor.fetchone() is not None:
            return False
        cursor.execute(self._add, (self._consumer, event_id, _words(datetime.now(UTC))))  # noqa: TID251 - not the engine
        return True

    def forget_before(self, connection: Any, before: datetime) -> None:
        """Forget ids that were noted before an aware time, and commit.

        Keep them longer than the longest retry schedule, and longer than dead letters wait to be replayed.
        """
        connection.cursor().execute(self._forget, (self._consumer, _words(before)))
        connection.commit()


def _words(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _refuse_autocommit(connection: Any) -> None:
    is_on = getattr(connection, "autocommit", False) is True
    if isinstance(connection, sqlite3.Connection) and connection.isolation_level is None:
        is_on = True
    if is_on:
        raise _wrong("connection", "commits by itself: the id and the effects would not be one", "autocommit")


def _wrong(field: str, message: str, value: object) -> ValidationError:
    return ValidationError([FieldError(field, message, shown(value))], hint="Correct the EffectivelyOnce.")
