"""What an export of a payment's history looks like: version 1 of its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

FORMAT = "aegispay.payment-history"
VERSION = 1
LINK = (
    "SHA-256 over previous_hash as 32 bytes, then "
    "position|payment_id|version|type|schema_version|recorded_at_us| in UTF-8 (each of the six followed by a bar), "
    "then data in UTF-8; previous_hash of the first event of a log is 64 zeros"
)
"""How anybody checks that an event is as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEvent:
    """One event as it is kept.

    Attributes:
        position: place in the whole log. version: place in the payment's events, from 1.
        occurred_at: by the engine's clock. recorded_at: when it was written. recorded_at_us: the same, in microseconds
            since 1970 UTC.
        by: who decided or reported it.
        story: what happened, in words.
        data: the content to the letter, over which the hash is; ``None`` where it is withheld.
        withheld: why there is no data; empty when there is.
        previous_hash: of the event before it in the log, which may be another payment's. hash: its own.
    """

    position: int
    version: int
    event_id: str
    type: str
    schema_version: int
    occurred_at: datetime
    recorded_at: datetime
    recorded_at_us: int
    by: str
    story: list[str]
    data: str | None
    withheld: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEvidence:
    """Where the certainty about an outcome in doubt came from.

    Attributes:
        evidence: lookup, resend, complete, webhook, answer, or operator. detail: a reference, or an operator's words.
    """

    at: datetime
    evidence: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFailure:
    """Why something came to nothing.

    Attributes:
        reason: the same for every gateway. code, message: the gateway's own.
    """

    reason: str
    code: str
    message: str
    gateway: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedAttempt:
    """One try to charge at one gateway.

    Attributes:
        idempotency_key: the key the gateway saw. request_digest: SHA-256 of the request it saw.
        reference: the gateway's id of the charge.
        configuration: revision of the settings it was decided under; 0 where revisions were not counted yet.
        decision: why this gateway, in words.
    """

    number: int
    gateway: str
    operation_id: str
    idempotency_key: str
    request_digest: str
    reference: str | None
    status: str
    failure: ExportedFailure | None
    started_at: datetime
    ended_at: datetime | None
    configuration: int
    decision: list[str]
    evidence: list[ExportedEvidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedOperation:
    """One capture, void or refund.

    Attributes:
        key: the key of whoever asked; empty for what the engine did by itself. idempotency_key: what the gateway saw.
        reference: the gateway's id of it. reason: the asker's words.
    """

    id: str
    kind: str
    key: str
    amount_minor: int
    idempotency_key: str
    reference: str | None
    status: str
    reason: str
    failure: ExportedFailure | None
    started_at: datetime
    ended_at: datetime | None
    evidence: list[ExportedEvidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedIncident:
    """A disagreement between gateway and engine about money.

    Attributes:
        closed_by: the operator who looked; ``None`` while it is open. closing_detail: what was found.
    """

    id: str
    reason: str
    detail: str
    is_open: bool
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closing_detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedDecision:
    """Who decided what.

    Attributes:
        version: of the event that says so.
    """

    version: int
    at: datetime
    by: str
    sentences: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPayment:
    """What the events make of the payment. Amounts are minor units of the currency.

    Attributes:
        amount: asked for, in words. authorized_minor: reserved. captured_minor: collected. refunded_minor: returned on
            request. charged_back_minor: taken back by the payer's bank.
        fingerprint: SHA-256 of the merchant's request.
    """

    id: str
    merchant: str
    idempotency_key: str
    state: str
    in_doubt: bool
    is_parked: bool
    amount: str
    amount_minor: int
    currency: str
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    charged_back_minor: int
    chargebacks: list[str]
    capture: str
    method: str
    customer_id: str | None
    gateway: str | None
    retry_of: str | None
    fingerprint: str
    failure: ExportedFailure | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPersonalData:
    """What is known of the payer, and what the merchant attached. Of an erased customer only the id is left."""

    customer: dict[str, Any] | None
    payment_method: dict[str, Any]
    metadata: dict[str, Any]
    return_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentHistory:
    """Everything that is known of one payment, for a dispute.

    Attributes:
        link: how each event's hash is made.
        personal: ``None`` unless it was asked for.
    """

    format: Literal["aegispay.payment-history"] = "aegispay.payment-history"
    format_version: Literal[1] = 1
    exported_at: datetime
    payment: ExportedPayment
    attempts: list[ExportedAttempt]
    operations: list[ExportedOperation]
    incidents: list[ExportedIncident]
    decisions: list[ExportedDecision]
    events: list[ExportedEvent]
    link: str = LINK
    personal: ExportedPersonalData | None = field(default=None)


_ADAPTER: TypeAdapter[PaymentHistory] = TypeAdapter(PaymentHistory)


def to_document(history: PaymentHistory) -> dict[str, Any]:
    """Return the history as JSON values."""
    document: dict[str, Any] = _ADAPTER.dump_python(history, mode="json")
    return document


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the format."""
    schema = _ADAPTER.json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
