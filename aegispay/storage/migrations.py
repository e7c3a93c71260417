"""Numbered steps from an empty file to today's schema, run on open, each in a transaction."""

from __future__ import annotations

import secrets
import sqlite3
from importlib.resources import files

from aegispay.errors import NewerSchemaError, StoreOpenError

SCHEMA_VERSION = 1
"""What this code reads and writes."""

_SALT_BYTES = 32


def migrate(database: sqlite3.Connection, path: str) -> None:
    """Bring the file to today's schema.

    Raises:
        NewerSchemaError: the file is newer than this code.
        StoreOpenError: the file is a SQLite database, but not one of AegisPay's.
    """
    version = check_version(database, path)
    if version == 0:
        statements = files("aegispay.storage").joinpath("schema.sql").read_text(encoding="utf-8")
        # Made here and nowhere else: payment ids depend on it.
        salt = secrets.token_bytes(_SALT_BYTES).hex()
        database.executescript(  # the salt is hexadecimal, the rest constant
            f"BEGIN IMMEDIATE; {statements}"  # noqa: S608
            f"INSERT INTO meta VALUES ('salt', x'{salt}'), ('epoch', x'00');"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def check_version(database: sqlite3.Connection, path: str) -> int:
    """Return the file's schema version; 0 for an empty file."""
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(f"{path} has schema {version}; this AegisPay knows {SCHEMA_VERSION}")
    if version == 0 and database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreOpenError(f"{path} is a SQLite database of another program")
    return version


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
