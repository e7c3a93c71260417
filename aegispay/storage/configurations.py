"""The revisions of the configuration in the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from aegispay.ports.configuration import GENESIS, ConfigurationRecord
from aegispay.storage.rows import from_us, to_us

_COLUMNS = "revision, at, operator, reason, host_revision, data, digest"

SAVE = (
    # Only behind the revision that its writer has seen: of two writers, one is told so.
    f"INSERT INTO configurations ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ? "  # noqa: S608 - constant columns
    "WHERE (SELECT coalesce(max(revision), 0) FROM configurations) = ? RETURNING 1"
)
LOAD = f"SELECT {_COLUMNS} FROM configurations WHERE revision = ?"  # noqa: S608 - constant columns
LATEST = f"SELECT {_COLUMNS} FROM configurations ORDER BY revision DESC LIMIT 1"  # noqa: S608 - constant columns
PAGE = f"SELECT {_COLUMNS} FROM configurations WHERE revision < ? ORDER BY revision DESC LIMIT ?"  # noqa: S608 - the same
_ALL = f"SELECT {_COLUMNS} FROM configurations ORDER BY revision"  # noqa: S608 - constant columns

REVISION_MAX = (1 << 63) - 1


def save_values(record: ConfigurationRecord) -> tuple[Any, ...]:
    """Return the parameters of `SAVE`."""
    return (
        record.revision,
        to_us(record.at),
        record.operator,
        record.reason,
        record.host_revision,
        record.data,
        record.digest,
        record.revision - 1,
    )


def read_record(row: tuple[Any, ...]) -> ConfigurationRecord:
    """Return the record that stands in a row."""
    revision, at, operator, reason, host_revision, data, digest = row
    return ConfigurationRecord(
        revision=revision,
        at=from_us(at),
        operator=operator,
        reason=reason,
        host_revision=host_revision,
        data=data,
        digest=digest,
    )


def audit(database: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong with the revisions: gaps, and what is not as it was written."""
    previous, expected = GENESIS, 1
    for row in database.execute(_ALL):
        record = read_record(row)
        if record.revision != expected:
            yield f"configurations {expected} to {record.revision - 1} are missing"
        elif record.digest != record.digest_after(previous):
            yield f"configuration {record.revision} is not what was written"
        previous, expected = record.digest, record.revision + 1
