"""The hash chain over the whole log: an event that is changed, removed, added or moved breaks it."""

from __future__ import annotations

import hashlib
from typing import Any

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
    stored = (position, payment_id.encode(), version, event_type.encode(), schema_version, data, recorded_at_us)
    return link_stored(previous, stored)


def link_stored(previous: bytes, event: tuple[Any, ...]) -> bytes:
    """Return the hash of an event as it lies in the log.

    Args:
        previous: hash of the event before it.
        event: position, payment id, version, type, schema version, data, time of recording, and perhaps more; texts as
            bytes.
    """
    head = b"%d|%b|%d|%b|%d|%d|" % (event[0], event[1], event[2], event[3], event[4], event[6])
    return hashlib.sha256(b"%b%b%b" % (previous, head, event[5])).digest()
