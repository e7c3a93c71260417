"""The simulated provider's webhooks: a notification as JSON, signed with a shared secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from aegispay.domain.notification import Notification
from aegispay.errors import RefusedWebhook, WebhookRefusedError

SIGNATURE = "webhook-signature"
TIMESTAMP = "webhook-timestamp"
TOLERANCE_S = 300
"""How far the time of sending may be from now, either way, in seconds."""
BODY_BYTES_MAX = 1_000_000

_NOTIFICATION: TypeAdapter[Notification] = TypeAdapter(Notification)


def seal(notification: Notification, *, secret: str, sent_at: datetime) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a webhook."""
    body = _NOTIFICATION.dump_json(notification)
    timestamp = str(int(sent_at.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(secret, timestamp, body)}, body


def unseal(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> Notification:
    """Return what a webhook says, once it has proved genuine.

    Args:
        headers: names in lower case.
        body: as received.
        secret: that it must be signed with.
        now: what its time of sending is compared with.

    Raises:
        WebhookRefusedError: it is not genuine, not of these minutes, too large, or no notification.
    """
    if len(body) > BODY_BYTES_MAX:
        raise WebhookRefusedError(f"the body is larger than {BODY_BYTES_MAX} bytes", reason=RefusedWebhook.TOO_LARGE)
    timestamp = headers.get(TIMESTAMP, "")
    expected = _signature(secret, timestamp, body)
    if not hmac.compare_digest(expected.encode(), _bytes(headers.get(SIGNATURE, ""))):
        raise WebhookRefusedError("the signature is wrong or missing", reason=RefusedWebhook.SIGNATURE)
    if not _is_recent(timestamp, now):
        raise WebhookRefusedError(f"it was not sent within {TOLERANCE_S} s", reason=RefusedWebhook.TIMESTAMP)
    try:
        return _NOTIFICATION.validate_json(body)
    except ValidationError as error:
        # The error of the parser repeats what it was given, so it is not passed on.
        message = f"the body is no notification: {error.error_count()} errors"
        raise WebhookRefusedError(message, reason=RefusedWebhook.UNREADABLE) from None


def _is_recent(timestamp: str, now: datetime) -> bool:
    return timestamp.isascii() and timestamp.isdigit() and abs(now.timestamp() - int(timestamp[:20])) <= TOLERANCE_S


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), _bytes(timestamp) + b"." + body, hashlib.sha256).hexdigest()


def _bytes(header: str) -> bytes:
    """Return a header's bytes, also where a server passed on what no character set has."""
    return header.encode(errors="surrogatepass")
