"""Numbered steps from an empty file to today's schema, run on open, each in a transaction."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib.resources import files

from aegispay.domain.evolve import replay
from aegispay.domain.projection import project
from aegispay.errors import NewerSchemaError, StoreOpenError
from aegispay.storage import statements as sql
from aegispay.storage.rows import decode_event, to_us

APPLICATION_ID = 0x41506179
"""Stands in the header of every file of ours ("APay"), so that no other program's database is taken for one."""

_SALT_BYTES = 32


def _create(database: sqlite3.Connection) -> None:
    _run(database, "schema.sql")
    # Made here and nowhere else: payment ids depend on it.
    salt = secrets.token_bytes(_SALT_BYTES)
    database.executemany("INSERT INTO meta VALUES (?, ?)", [("salt", salt), ("epoch", b"\0")])
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _date_doubts_and_renew_inbox(database: sqlite3.Connection) -> None:
    _run(database, "schema_2.sql")
    for (payment_id,) in database.execute("SELECT payment_id FROM payments WHERE in_doubt = 1").fetchall():
        since = _doubt_since(database, payment_id)
        if since is not None:
            database.execute("UPDATE payments SET doubt_since = ? WHERE payment_id = ?", (to_us(since), payment_id))


def _doubt_since(database: sqlite3.Connection, payment_id: str) -> datetime | None:
    # As the events say: a doubt that was checked in vain is older than the payment's last change.
    try:
        payment = replay(payment_id, map(decode_event, database.execute(sql.LOAD, (payment_id, 0))))
    except Exception:  # noqa: BLE001 - a damaged payment is for `verify` to tell, not a reason to refuse the file
        return None
    return None if payment is None else project(payment).doubt_since


def _add_marks(database: sqlite3.Connection) -> None:
    _run(database, "schema_3.sql")


def _add_configurations(database: sqlite3.Connection) -> None:
    _run(database, "schema_4.sql")


def _add_outbox(database: sqlite3.Connection) -> None:
    _run(database, "schema_5.sql")


def _add_customer_keys(database: sqlite3.Connection) -> None:
    _run(database, "schema_6.sql")


Step = Callable[[sqlite3.Connection], None]

STEPS: tuple[Step, ...] = (
    _create,
    _date_doubts_and_renew_inbox,
    _add_marks,
    _add_configurations,
    _add_outbox,
    _add_customer_keys,
)
"""Step n brings a file from schema n to n + 1. A step that was released is never changed: add one."""

SCHEMA_VERSION = len(STEPS)
"""What this code reads and writes."""


def migrate(database: sqlite3.Connection, path: str, steps: Sequence[Step] = STEPS) -> None:
    """Bring the file to today's schema; a step that fails leaves the file as the step before it made it.

    Raises:
        NewerSchemaError: the file is newer than this code.
        StoreOpenError: the file is a SQLite database, but not one of AegisPay's.
    """
    for number in range(read_version(database, path, known=len(steps)), len(steps)):
        database.execute("BEGIN IMMEDIATE")
        try:
            steps[number](database)
            database.execute(f"PRAGMA user_version = {number + 1}")
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def read_version(database: sqlite3.Connection, path: str, known: int = SCHEMA_VERSION) -> int:
    """Return the file's schema version; 0 for an empty file.

    Raises:
        NewerSchemaError: the file is newer than this code.
        StoreOpenError: the file is a SQLite database, but not one of AegisPay's.
    """
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreOpenError(
                f"{path} is a SQLite database of another program", hint="Choose another path; it was not touched."
            )
        return 0
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > known:
        raise NewerSchemaError(f"{path} has schema {version}; this AegisPay knows {known}")
    return version


def check_version(database: sqlite3.Connection, path: str) -> None:
    """Check that the file can be read as it is, without migrating it.

    Raises:
        StoreOpenError: it is empty, or not one of AegisPay's, or of another schema version.
    """
    version = read_version(database, path)
    if version == 0:
        raise StoreOpenError(f"{path} is empty: no AegisPay has written to it", hint="Check the path.")
    if version < SCHEMA_VERSION:
        raise StoreOpenError(
            f"{path} has schema {version}, this AegisPay reads {SCHEMA_VERSION}",
            hint="Open it with an engine once: that brings it up to date.",
        )


def raise_epoch(database: sqlite3.Connection) -> int:
    """Become the only writer: every earlier engine's commits fail from now on. Return the new epoch."""
    database.execute("BEGIN IMMEDIATE")
    epoch = read_epoch(database) + 1
    database.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (epoch.to_bytes(8),))
    database.execute("COMMIT")
    return epoch


def read_epoch(database: sqlite3.Connection) -> int:
    """Return the epoch of the engine that opened the file last."""
    return int.from_bytes(database.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0])


def _run(database: sqlite3.Connection, script: str) -> None:
    for statement in _split(files("aegispay.storage").joinpath(script).read_text(encoding="utf-8")):
        database.execute(statement)


def _split(script: str) -> Iterator[str]:
    # `executescript` would end the transaction that this is part of.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
