"""The keys of customers in SQLite: found and made inside the transaction of the events that they seal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from aegispay.storage.bulk import execute_rows, places
from aegispay.storage.rows import unreadable
from aegispay.storage.sealing import CustomerKey, Place, split, unseal

Owner = tuple[str, str]
"""Merchant and customer id: two merchants may use the same id for different people."""

_LIVE = (
    "SELECT merchant, customer_id, known.id, secret FROM json_each(?) AS wanted CROSS JOIN customer_keys AS known "
    "ON merchant = wanted.value ->> 0 AND customer_id = wanted.value ->> 1 AND is_erased = 0"
)
_LAST_ID = "SELECT coalesce(max(id), 0) FROM customer_keys"
_BY_ID = "SELECT id, secret, is_erased FROM customer_keys WHERE id IN (SELECT value FROM json_each(?))"


def insert_keys(rows: int) -> str:
    """Return the statement that writes so many keys."""
    return f"INSERT INTO customer_keys VALUES {places(5, rows)}"  # noqa: S608 - place-holders only


class BatchKeys:
    """The keys that one transaction needs: read at once, and made where there are none.

    Nothing is remembered beyond the transaction, so neither a rollback nor an erasure leaves a key behind in memory.

    Args:
        database: with the transaction begun.
        owners: of all events that will be sealed.
    """

    def __init__(self, database: sqlite3.Connection, owners: Iterable[Owner]) -> None:
        self._database = database
        self._last_id: int | None = None
        self._new: list[tuple[Any, ...]] = []
        wanted = json.dumps(sorted(set(owners)))
        rows = database.execute(_LIVE, (wanted,)) if len(wanted) > len("[]") else ()
        self._keys = {(merchant, customer_id): CustomerKey(key, secret) for merchant, customer_id, key, secret in rows}

    def of(self, owner: Owner, secret: bytes) -> CustomerKey:
        """Return the owner's key, made of `secret` if there is none."""
        key = self._keys.get(owner)
        if key is None:
            key = self._keys[owner] = CustomerKey(self._next_id(), secret)
            self._new.append((key.id, *owner, 0, key.secret))
        return key

    def flush(self) -> None:
        """Write the new keys."""
        execute_rows(self._database, insert_keys, self._new)
        self._new = []

    def forget(self, owner: Owner) -> None:
        """Use the owner's key no more; only after `flush`."""
        self._keys.pop(owner, None)

    def _next_id(self) -> int:
        if self._last_id is None:
            self._last_id = self._database.execute(_LAST_ID).fetchone()[0]
        self._last_id += 1
        return self._last_id


def read_keys(database: sqlite3.Connection, ids: Iterable[int]) -> dict[int, CustomerKey]:
    """Return these keys; those of customers who were erased are empty."""
    rows = database.execute(_BY_ID, (json.dumps(sorted(ids)),))
    return {key_id: CustomerKey(key_id, b"" if is_erased else secret) for key_id, secret, is_erased in rows}


def open_rows(database: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows of `EVENT_COLUMNS` as if nothing in them were sealed; of erased customers without what was personal.

    Raises:
        CorruptStoreError: something does not open although its customer was not erased.
    """
    found = {index: parts for index, row in enumerate(rows) if (parts := split(row[5])) is not None}
    if not found:
        return list(rows)
    keys = read_keys(database, {key_id for _, key_id, _ in found.values()})
    opened = list(rows)
    for index, (data, key_id, sealed) in found.items():
        row = rows[index]
        opened[index] = (*row[:5], _opened(row, data, keys.get(key_id), sealed), *row[6:])
    return opened


def _opened(row: tuple[Any, ...], data: str, key: CustomerKey | None, sealed: str) -> str:
    if key is None:
        raise unreadable(row, "its customer's key is missing")
    if not key.secret:
        return data
    try:
        return unseal(key, Place(row[1], row[2], row[3]), data, sealed)
    except ValueError as error:
        raise unreadable(row, str(error)) from error
