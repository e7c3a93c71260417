"""The hash chain over the whole log: an event that is changed, removed, added or moved breaks it."""

from __future__ import annotations

import hashlib

GENESIS = bytes(32)
"""What the first event is chained to."""


def link(
    previous: bytes,
    *,
    position: int,
    payment_id: str,
    version: int,
    event_type: str,
    schema_version: int,
    recorded_at_us: int,
    data: bytes,
) -> bytes:
    """Return the hash of an event, 32 bytes.

    Args:
        previous: hash of the event before it in the log, `GENESIS` for the first.
        position: of this event in the log.
        payment_id: whose event it is.
        version: its place in the payment's stream.
        event_type: as stored.
        schema_version: as stored.
        recorded_at_us: microseconds since 1970 UTC.
        data: the event's content exactly as stored, UTF-8.
    """
    head = f"{position}|{payment_id}|{version}|{event_type}|{schema_version}|{recorded_at_us}|"
    return hashlib.sha256(previous + head.encode() + data).digest()
