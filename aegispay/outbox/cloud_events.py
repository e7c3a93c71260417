"""Events as CloudEvents 1.0, for buses and brokers that speak it."""

from __future__ import annotations

from aegispay.outbox.envelope import PublicEvent, public_event
from aegispay.outbox.schemas import schema_id
from aegispay.ports import StoredEvent

_DIGITS = 12
"""Of `sequence` and `position`: as texts of one length they sort like the numbers that they are."""


def cloud_event(stored: StoredEvent, *, merchant: str, trace: str | None = None) -> PublicEvent:
    """Return the event in the JSON format of CloudEvents 1.0.

    `source` and `id` together are unique. `sequence` (its place in the payment) and `partitionkey` (the payment) are
    extensions that CloudEvents knows, as is `traceparent`; `position` (its place in the log) is one of ours. `data` is
    what the schema that `dataschema` names has there.

    Args:
        stored: the event as it lies in the log.
        merchant: whose payment it is.
        trace: the W3C traceparent of the payment, where it has one.
    """
    event, published = stored.event, public_event(stored)
    tracing = {} if trace is None else {"traceparent": trace}
    return tracing | {
        "specversion": "1.0",
        "id": published["id"],
        "source": f"/aegispay/merchants/{merchant}",
        "type": published["type"],
        "subject": published["payment_id"],
        "time": published["occurred_at"],
        "datacontenttype": "application/json",
        "dataschema": f"{schema_id(event.type, event.schema_version)}#/properties/data",
        "partitionkey": published["payment_id"],
        "sequence": f"{stored.version:0{_DIGITS}}",
        "position": f"{stored.position:0{_DIGITS}}",
        "data": published["data"],
    }
