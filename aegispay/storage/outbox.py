"""Subscribers and deliveries in SQLite: the statements, and the one change that is made as a whole."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from aegispay.delivery_errors import EffectsRefusedError
from aegispay.errors import CorruptStoreError
from aegispay.ports.outbox import Delivery, DeliveryState, Progress, Subscriber, SubscriberKind, WebhookAttempt
from aegispay.storage.rows import from_us, to_us

END_POSITION = "SELECT coalesce(max(position), 0) FROM events"
ADD_SUBSCRIBER = "INSERT INTO subscribers VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
_SUBSCRIBER_COLUMNS = "name, kind, position, since, disabled"
FIND_SUBSCRIBER = f"SELECT {_SUBSCRIBER_COLUMNS} FROM subscribers WHERE name = ?"  # noqa: S608 - constant columns
SUBSCRIBERS = f"SELECT {_SUBSCRIBER_COLUMNS} FROM subscribers ORDER BY name"  # noqa: S608 - constant columns
DISABLE = "UPDATE subscribers SET disabled = ? WHERE name = ?"
SLICE = 1_000
"""Rows removed by one statement: payments wait while it runs."""
REMOVE_ATTEMPTS = (
    "DELETE FROM webhook_attempts WHERE number IN (SELECT number FROM webhook_attempts "  # noqa: S608 - constant
    f"WHERE endpoint = ? ORDER BY number LIMIT {SLICE}) RETURNING 1"
)
REMOVE_DELIVERIES = (
    "DELETE FROM deliveries WHERE (subscriber, position) IN (SELECT subscriber, position FROM deliveries "  # noqa: S608
    f"WHERE subscriber = ? ORDER BY position LIMIT {SLICE}) RETURNING 1"
)
REMOVE_SUBSCRIBER = "DELETE FROM subscribers WHERE name = ?"

_DELIVERY_COLUMNS = "subscriber, position, payment_id, state, tries, due_at, error, failed_at"
DUE = (
    f"SELECT {_DELIVERY_COLUMNS} FROM deliveries INDEXED BY deliveries_due "  # noqa: S608 - constant columns
    "WHERE subscriber = ? AND due_at <= ? ORDER BY due_at, position LIMIT ?"
)
NEXT_DUE = "SELECT min(due_at) FROM deliveries INDEXED BY deliveries_due WHERE subscriber = ? AND due_at IS NOT NULL"
COUNT = "SELECT subscriber, sum(state = 'waiting'), sum(state = 'dead') FROM deliveries GROUP BY subscriber"

ATTEMPTS = (
    "SELECT number, endpoint, position, event_id, at, status, latency_us, error FROM webhook_attempts "
    "WHERE endpoint = ? AND number < ? ORDER BY number DESC LIMIT ?"
)
PRUNE = (
    "DELETE FROM webhook_attempts WHERE number IN (SELECT number FROM webhook_attempts INDEXED BY webhook_attempts_at "  # noqa: S608
    f"WHERE at < ? ORDER BY at LIMIT {SLICE}) RETURNING 1"
)

_MOVE = "UPDATE subscribers SET position = ? WHERE name = ? AND position = ?"
_PUT = "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DONE = "DELETE FROM deliveries WHERE subscriber = ? AND position = ?"
_LOG = (
    "INSERT INTO webhook_attempts (endpoint, position, event_id, at, status, latency_us, error) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)

STEPS_MAX = 5_000_000
"""Steps of SQLite's machine that a subscriber's statement may take, some tenths of a second: every payment waits."""
BYTES_MAX = 1_000_000
"""The longest value or row that a subscriber's statement may make: what is written, every payment waits for."""

_TRANSACTION_IS_OVER = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY})


class OverrunError(Exception):
    """A statement took too long, and SQLite gave up the whole transaction with it."""

    def __init__(self, advance: Advance) -> None:
        super().__init__(advance.progress.subscriber)
        self.advance = advance


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Advance:
    """One subscriber's progress, to be written among other requests."""

    progress: Progress

    def __repr__(self) -> str:
        """Say whose, never what: the driver logs what it is given."""
        return f"<Advance {self.progress.subscriber} to {self.progress.position}>"

    def run(self, database: sqlite3.Connection) -> bool | EffectsRefusedError:
        """Make the change inside the transaction that has begun; return whether it was made, or why it cannot be.

        Raises:
            OverrunError: the transaction is lost.
            sqlite3.Error: the database failed.
        """
        database.execute("SAVEPOINT advance")
        try:
            is_made = self._effects(database)
            if is_made is True:
                is_made = self._move(database)
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK TO advance")
                database.execute("RELEASE advance")
            raise
        if is_made is not True:
            database.execute("ROLLBACK TO advance")
        database.execute("RELEASE advance")
        return is_made

    def _effects(self, database: sqlite3.Connection) -> bool | EffectsRefusedError:
        if not self.progress.effects:
            return True
        database.set_progress_handler(_stop, STEPS_MAX)
        longest = database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, BYTES_MAX)
        try:
            for statement, parameters in self.progress.effects:
                database.execute(statement, parameters)
        except (sqlite3.Error, OverflowError, ValueError, TypeError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _TRANSACTION_IS_OVER:
                raise
            if not database.in_transaction:
                raise OverrunError(self) from error
            return refused(self.progress.subscriber, error)
        finally:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
            database.set_progress_handler(None, 0)
        return True

    def _move(self, database: sqlite3.Connection) -> bool:
        progress = self.progress
        name = progress.subscriber
        if not database.execute(_MOVE, (progress.position, name, progress.expected_position)).rowcount:
            return False
        if not all(database.execute(_DONE, (name, position)).rowcount for position in progress.done):
            return False
        database.executemany(_PUT, map(delivery_values, progress.put))
        database.executemany(_LOG, map(attempt_values, progress.attempts))
        return True


def _stop() -> int:
    return 1


def refused(subscriber: str, error: Exception) -> EffectsRefusedError:
    """Return the answer to a subscriber whose statement cannot be executed."""
    return EffectsRefusedError(f"{subscriber}: nothing was written: {error}")


def overrun(subscriber: str) -> EffectsRefusedError:
    """Return the answer to a subscriber whose statement took too long."""
    return EffectsRefusedError(
        f"{subscriber}: nothing was written: a statement took more than {STEPS_MAX:,} steps",
        hint="Give its tables an index: every payment waits while a statement runs.",
    )


def subscriber_values(subscriber: Subscriber) -> tuple[Any, ...]:
    """Return a subscriber as its row."""
    return subscriber.name, subscriber.kind, subscriber.position, to_us(subscriber.since), subscriber.disabled


def read_subscriber(row: tuple[Any, ...]) -> Subscriber:
    """Return the subscriber of a row.

    Raises:
        CorruptStoreError: it cannot be read.
    """
    try:
        return Subscriber(
            name=row[0], kind=SubscriberKind(row[1]), position=row[2], since=from_us(row[3]), disabled=row[4]
        )
    except (ValueError, OverflowError) as error:
        raise CorruptStoreError(f"the row of subscriber {row[0]} cannot be read: {error}") from error


def delivery_values(delivery: Delivery) -> tuple[Any, ...]:
    """Return a delivery as its row."""
    return (
        delivery.subscriber,
        delivery.position,
        delivery.payment_id,
        delivery.state,
        delivery.tries,
        None if delivery.due_at is None else to_us(delivery.due_at),
        delivery.error,
        None if delivery.failed_at is None else to_us(delivery.failed_at),
    )


def read_delivery(row: tuple[Any, ...]) -> Delivery:
    """Return the delivery of a row.

    Raises:
        CorruptStoreError: it cannot be read.
    """
    try:
        return Delivery(
            subscriber=row[0],
            position=row[1],
            payment_id=row[2],
            state=DeliveryState(row[3]),
            tries=row[4],
            due_at=None if row[5] is None else from_us(row[5]),
            error=row[6],
            failed_at=None if row[7] is None else from_us(row[7]),
        )
    except (ValueError, OverflowError) as error:
        raise CorruptStoreError(f"the delivery of event {row[1]} to {row[0]} cannot be read: {error}") from error


def list_deliveries(
    *, subscriber: str | None, state: DeliveryState | None, payment_id: str | None, after: tuple[str, int], limit: int
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that lists deliveries, and its parameters."""
    conditions, parameters = ["(subscriber, position) > (?, ?)"], [*after]
    given: dict[str, Any] = {"subscriber": subscriber, "state": state, "payment_id": payment_id}
    for column, value in given.items():
        if value is not None:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    where = " AND ".join(conditions)
    statement = f"SELECT {_DELIVERY_COLUMNS} FROM deliveries WHERE {where} ORDER BY subscriber, position LIMIT ?"  # noqa: S608
    return statement, (*parameters, limit)


def attempt_values(attempt: WebhookAttempt) -> tuple[Any, ...]:
    """Return a line of the delivery log as its row, without the number."""
    return (
        attempt.endpoint,
        attempt.position,
        attempt.event_id,
        to_us(attempt.at),
        attempt.status,
        round(attempt.latency_s * 1_000_000),
        attempt.error,
    )


def read_attempt(row: tuple[Any, ...]) -> tuple[int, WebhookAttempt]:
    """Return a numbered line of the delivery log."""
    return row[0], WebhookAttempt(
        endpoint=row[1],
        position=row[2],
        event_id=row[3],
        at=from_us(row[4]),
        status=row[5],
        latency_s=row[6] / 1_000_000,
        error=row[7],
    )
