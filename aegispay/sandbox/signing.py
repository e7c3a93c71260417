"""Standard Webhooks signatures, and the wrong ones."""

from __future__ import annotations

from datetime import datetime, timedelta

import standardwebhooks

from aegispay.sandbox.faults import Fault
from aegispay.sandbox.outbox import Delivery

_OLD = timedelta(hours=1)
_WRONG = b"another secret than the endpoint's"


def signed_headers(delivery: Delivery, now: datetime) -> dict[str, str]:
    """Return the headers of one delivery; only its first try carries a trick."""
    trick = delivery.trick if delivery.tries == 0 else None
    sent_at = now - _OLD if trick is Fault.WEBHOOK_OLD else now
    signer = standardwebhooks.Webhook(_WRONG if trick is Fault.WEBHOOK_BAD_SIGNATURE else delivery.secret)
    return {
        "content-type": "application/json",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": signer.sign(delivery.event_id, sent_at, delivery.body),
    }


def is_secret(secret: str) -> bool:
    """Return whether webhooks can be signed with it."""
    try:
        standardwebhooks.Webhook(secret)
    except Exception:  # noqa: BLE001 - the package raises whatever base64 does
        return False
    return secret.startswith("whsec_")
