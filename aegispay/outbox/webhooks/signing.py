"""Headers by which a receiver knows whose webhook it is, which one, and from when (standardwebhooks.com)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed_headers(event_id: str, body: bytes, *, keys: Sequence[bytes], at: datetime) -> dict[str, str]:
    """Return the headers of one try.

    Args:
        event_id: the same for every try, so that a receiver can tell a repetition.
        body: UTF-8, as it will be sent.
        keys: secrets that are valid; there is one signature for each.
        at: now; a receiver refuses what is some minutes old, so each try is signed anew.
    """
    moment, text = at.astimezone(UTC), body.decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(event_id, moment, text) for key in keys),
    }
