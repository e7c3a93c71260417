"""The auditor's look at the keys of customers: whether what was sealed can still be opened, and what was erased why."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from aegispay.storage.customer_keys import read_keys
from aegispay.storage.sealing import KEY_BYTES, CustomerKey, Place, opens, split

_COUNT = "SELECT count(*), coalesce(max(id), 0), (SELECT seq FROM sqlite_sequence WHERE name = ?) FROM customer_keys"
_UNSOUND = (
    "SELECT id FROM customer_keys WHERE is_erased NOT IN (0, 1) OR length(secret) <> ? "
    "OR (is_erased = 1) <> (secret = zeroblob(?))"
)
_UNEXPLAINED = (
    "SELECT id, customer_id FROM customer_keys WHERE is_erased = 1 AND (merchant, customer_id) NOT IN "
    "(SELECT merchant, customer_id FROM erasures) ORDER BY id"
)
_MARK = b'"sealed":"'


_KNOWN_MAX = 10_000
"""Keys kept in memory: customers come back within days, a whole log has millions."""


class KeyAudit:
    """Tries to open what is sealed.

    Args:
        database: with a read transaction begun.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._known: dict[int, CustomerKey | None] = {}

    def problem(self, place: Place, data: bytes) -> str | None:
        """Return why what is sealed in an event cannot be opened; ``None`` where it can, or is not meant to be."""
        parts = split(data.decode(errors="replace")) if _MARK in data else None
        if parts is None:
            return None
        _, key_id, sealed = parts
        key = self._key(key_id)
        if key is None:
            return f"customer key {key_id} is missing"
        if not key.secret or opens(key, place, sealed):
            return None
        return f"customer key {key_id} does not open what it sealed: the personal data cannot be read"

    def _key(self, key_id: int) -> CustomerKey | None:
        if key_id not in self._known:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[key_id] = read_keys(self._database, {key_id}).get(key_id)
        return self._known[key_id]


def audit(database: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong with the keys: rows that are missing, secrets that are none, erasures nobody asked for."""
    count, last, made = database.execute(_COUNT, ("customer_keys",)).fetchone()
    missing = max(last, made or 0) - count
    if missing:
        yield f"{missing} customer keys are missing: what they sealed cannot be read"
    for (key_id,) in database.execute(_UNSOUND, (KEY_BYTES, KEY_BYTES)):
        yield f"customer key {key_id} is damaged: what it sealed cannot be read"
    for key_id, customer_id in database.execute(_UNEXPLAINED):
        yield f"customer key {key_id} is erased, but no erasure of customer {customer_id!r} is on record"
