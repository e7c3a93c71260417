"""The erasure of a customer in SQLite: in the transaction, after it, and what is counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.delivery_errors import CustomerBusyError
from aegispay.domain.state import PaymentState
from aegispay.errors import CorruptStoreError
from aegispay.ports.privacy import ErasureRecord
from aegispay.storage import statements as sql
from aegispay.storage.customer_keys import Owner, read_keys
from aegispay.storage.personal import is_personal
from aegispay.storage.rows import decode_event, from_us
from aegispay.storage.sealing import KEY_BYTES, split

_ENDED = ", ".join(f"'{state}'" for state in PaymentState if state.is_final)
NAMED_MAX = 10
"""Unfinished payments that an error names."""

PAYMENTS = (
    "SELECT payment_id FROM payments INDEXED BY payments_customer WHERE customer_id = ? AND merchant = ? "
    "ORDER BY created_at, payment_id"
)
_BUSY = (
    "SELECT payment_id FROM payments INDEXED BY payments_customer WHERE customer_id = ? AND merchant = ? "  # noqa: S608
    f"AND (state NOT IN ({_ENDED}) OR in_doubt = 1 OR wake_at IS NOT NULL "
    "OR EXISTS (SELECT 1 FROM parking WHERE parking.payment_id = payments.payment_id)) "
    f"ORDER BY created_at, payment_id LIMIT {NAMED_MAX}"
)
# The new value is as long as the old one, so that it is written over it, in its place.
_DROP_KEY = (
    "UPDATE customer_keys SET is_erased = 1, secret = zeroblob(?) "
    "WHERE merchant = ? AND customer_id = ? AND is_erased = 0"
)
_BLANK_ERRORS = (
    "UPDATE deliveries SET error = '' WHERE (subscriber, position) IN (SELECT subscriber, deliveries.position "
    "FROM payments INDEXED BY payments_customer CROSS JOIN subscribers "
    "CROSS JOIN deliveries INDEXED BY deliveries_payment "
    "ON subscriber = name AND deliveries.payment_id = payments.payment_id "
    "WHERE customer_id = ? AND merchant = ? AND error <> '')"
)
_BLANK_LOG = (
    # The log of deliveries is short, and no index is worth what it would cost with every request.
    "UPDATE webhook_attempts SET error = '' WHERE error <> '' AND position IN (SELECT position "
    "FROM payments INDEXED BY payments_customer CROSS JOIN events ON events.payment_id = payments.payment_id "
    "WHERE customer_id = ? AND merchant = ?)"
)
_RECORD = (
    "INSERT INTO erasures (merchant, customer_id, at, operator, reason, is_swept) SELECT ?, ?, ?, ?, ?, 0 "
    "WHERE EXISTS (SELECT 1 FROM payments INDEXED BY payments_customer WHERE customer_id = ? AND merchant = ?)"
)
RECORDS = "SELECT merchant, customer_id, at, operator, reason FROM erasures ORDER BY number DESC LIMIT ?"
_TO_SWEEP = "SELECT max(number) FROM erasures WHERE is_swept = 0"
_SWEPT = "UPDATE erasures SET is_swept = 1 WHERE is_swept = 0 AND number <= ?"

_SWEEP_BUSY_MS = 250
"""How long to wait for whoever reads older pages: payments wait as long."""


@dataclass(frozen=True, slots=True, repr=False)
class Erase:
    """One customer's erasure, to be written among other requests; what came before it must be written already."""

    owner: Owner
    at_us: int
    operator: str
    reason: str

    def __repr__(self) -> str:
        """Say what, never whom: the driver logs what it is given."""
        return "<Erase>"

    def run(self, database: sqlite3.Connection) -> bool | CustomerBusyError:
        """Erase inside the transaction that has begun; return the reason if it must not be done."""
        merchant, customer_id = self.owner
        named = (customer_id, merchant)
        busy = tuple(payment_id for (payment_id,) in database.execute(_BUSY, named))
        if busy:
            return CustomerBusyError(customer_id, busy)
        database.execute(_DROP_KEY, (KEY_BYTES, *self.owner))
        database.execute(_BLANK_ERRORS, named)
        database.execute(_BLANK_LOG, named)
        database.execute(_RECORD, (*self.owner, self.at_us, self.operator, self.reason, *named))
        return True


def sweep(database: sqlite3.Connection) -> bool:
    """Bring erasures into the file itself and empty the write-ahead log, if that is owed; return whether nothing is.

    Runs on the writing thread, outside of a transaction.
    """
    last = database.execute(_TO_SWEEP).fetchone()[0]
    if last is None:
        return True
    waits_ms = database.execute("PRAGMA busy_timeout").fetchone()[0]
    database.execute(f"PRAGMA busy_timeout = {_SWEEP_BUSY_MS}")
    try:
        is_blocked = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not is_blocked:
            database.execute(_SWEPT, (last,))
    except sqlite3.OperationalError:
        is_blocked = True
    finally:
        database.execute(f"PRAGMA busy_timeout = {waits_ms}")
    return not is_blocked


def count(database: sqlite3.Connection, payment_ids: Sequence[str]) -> tuple[int, int]:
    """Return how many events of these payments are erased, and of how many personal data stand in the open."""
    erased = plain = 0
    for payment_id in payment_ids:
        rows = database.execute(sql.LOAD, (payment_id, 0)).fetchall()
        parts = [split(row[5]) for row in rows]
        keys = read_keys(database, {part[1] for part in parts if part is not None})
        for row, part in zip(rows, parts, strict=True):
            if part is None:
                plain += _is_plain(row)
            else:
                erased += part[1] in keys and not keys[part[1]].secret
    return erased, plain


def _is_plain(row: tuple[Any, ...]) -> bool:
    try:
        return is_personal(decode_event(row))
    except CorruptStoreError:
        return True  # perhaps, and an operator should look


def read_record(row: tuple[Any, ...]) -> ErasureRecord:
    """Return the record of a row."""
    merchant, customer_id, at_us, operator, reason = row
    return ErasureRecord(
        merchant=merchant, customer_id=customer_id, at=from_us(at_us), operator=operator, reason=reason
    )
