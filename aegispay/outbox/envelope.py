"""An event as the outside sees it: stable, documented by a schema, and without anything personal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aegispay.domain.event import Event
from aegispay.domain.event_codec import ADAPTERS
from aegispay.domain.payment import Payment
from aegispay.domain.payment_events import CANCEL_WORD, CANCEL_WORDS, CancelRequested, PaymentCancelled
from aegispay.outbox.public_fields import Hidden, hidden_fields
from aegispay.ports import StoredEvent

PublicEvent = dict[str, Any]
"""A JSON object as `public_event` makes it; `docs/events` has its schema for each type."""

_HIDDEN: dict[type[Event], Hidden] = {made: hidden_fields(made) for made in ADAPTERS}


def public_event(stored: StoredEvent, payment: Payment | None = None) -> PublicEvent:
    """Return the event as subscribers outside the process get it: the same whenever it is made.

    Args:
        stored: the event as it lies in the log.
        payment: the payment it belongs to, best as this event made it; its picture is added as `payment`.

    Raises:
        ValueError: the payment is another one.
    """
    event = stored.event
    envelope = {
        "id": stored.event_id,
        "type": event.type.value,
        "schema_version": event.schema_version,
        "payment_id": stored.payment_id,
        "sequence": stored.version,
        "position": stored.position,
        "occurred_at": timestamp(event.at),
        "recorded_at": timestamp(stored.recorded_at),
        "data": _content(event),
    }
    if payment is not None:
        if payment.id != stored.payment_id:
            raise ValueError(f"{stored.event_id} does not belong to {payment.id}")
        envelope["payment"] = payment_picture(payment)
    return envelope


def _content(event: Event) -> dict[str, Any]:
    made = type(event)
    content: dict[str, Any] = ADAPTERS[made].serializer.to_python(event, mode="json", exclude=_HIDDEN[made])
    if isinstance(event, CancelRequested | PaymentCancelled) and event.reason not in CANCEL_WORDS:
        # What somebody wrote may name a person, and is gone once the customer is erased.
        content["reason"] = CANCEL_WORD
    return content


def payment_picture(payment: Payment) -> dict[str, Any]:
    """Return what a payment looks like to the outside; `version` says after which of its events. Minor units."""
    customer = payment.customer
    return {
        "id": payment.id,
        "version": payment.version,
        "merchant": payment.merchant,
        "idempotency_key": payment.idempotency_key,
        "state": payment.state.value,
        "in_doubt": payment.in_doubt,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "authorized_minor": payment.authorized_minor,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "charged_back_minor": payment.charged_back_minor,
        "gateway": payment.gateway,
        "customer_id": None if customer is None else customer.id,
    }


def to_bytes(value: PublicEvent) -> bytes:
    """Return compact JSON with sorted keys, ASCII only: the same value always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def timestamp(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC, with a ``Z``."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
