"""A payment's full history for a dispute: what is kept, to the letter, and what it says in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from aegispay import export_format as x
from aegispay.domain import events as e
from aegispay.domain.authorship import ENGINE, author
from aegispay.domain.customer import Customer
from aegispay.domain.evolve import replay
from aegispay.domain.payment import Attempt, Failure, Incident, Operation, Payment
from aegispay.domain.payment_method import PaymentMethod
from aegispay.domain.story import Story
from aegispay.errors import AegisPayError, CorruptStoreError
from aegispay.ports import StoredEvent
from aegispay.ports.audit import EventRecord
from aegispay.storage.personal import encode_parts, is_personal
from aegispay.storage.rows import to_us

_CUSTOMER: TypeAdapter[Customer] = TypeAdapter(Customer)
_METHOD: TypeAdapter[PaymentMethod] = TypeAdapter(PaymentMethod)
_WITHHELD = "personal data stands in it in the open"


def export_history(
    records: Sequence[EventRecord], stored: Sequence[StoredEvent], *, personal: bool, at: datetime
) -> x.PaymentHistory:
    """Return the history.

    Args:
        records: the payment's events as they are kept, at least one.
        stored: the same events, read.
        personal: whether to include what is known of the payer. Without it, it is left out of everything.
        at: when this is done.

    Raises:
        CorruptStoreError: the events do not fit together.
    """
    pairs = list(zip(records, stored, strict=False))
    events = [each.event if personal else _impersonal(each.event) for _, each in pairs]
    payment = _payment(records[0].payment_id, events)
    gateways = {attempt.number: attempt.gateway for attempt in payment.attempts}
    story = Story(payment)
    told = [(event, author(event, gateways), story.sentences(event)) for event in events]
    return x.PaymentHistory(
        exported_at=at,
        payment=_summary(payment),
        attempts=[_attempt(attempt, events) for attempt in payment.attempts],
        operations=[_operation(operation, events) for operation in payment.operations],
        incidents=[_incident(incident, events) for incident in payment.incidents],
        decisions=list(_decisions(told)),
        events=[
            _event(record, event, by, sentences, personal=personal)
            for (record, _), (event, by, sentences) in zip(pairs, told, strict=True)
        ],
        personal=_personal(payment) if personal else None,
    )


def _impersonal(event: e.Event) -> e.Event:
    """Return the event as it reads once its customer is erased."""
    return e.decode(event.type, event.schema_version, encode_parts(event)[0]) if is_personal(event) else event


def _payment(payment_id: str, events: list[e.Event]) -> Payment:
    try:
        payment = replay(payment_id, events)
    except Exception as error:
        raise CorruptStoreError(f"{payment_id}: its events do not fit together: {error}") from error
    assert payment is not None, "there is at least one event"
    return payment


def _event(record: EventRecord, event: e.Event, by: str, story: list[str], *, personal: bool) -> x.ExportedEvent:
    withheld = "" if personal or not _is_open(record) else _WITHHELD
    return x.ExportedEvent(
        position=record.position,
        version=record.version,
        event_id=f"{record.payment_id}-{record.version}",
        type=record.type,
        schema_version=record.schema_version,
        occurred_at=event.at,
        recorded_at=record.recorded_at,
        recorded_at_us=to_us(record.recorded_at),
        by=by,
        story=story,
        data=None if withheld else record.data,
        withheld=withheld,
        previous_hash=record.previous_hash,
        hash=record.hash,
    )


def _is_open(record: EventRecord) -> bool:
    """Return whether something personal can be read in the event as it is kept."""
    try:
        return is_personal(e.decode(record.type, record.schema_version, record.data))
    except (ValueError, AegisPayError):
        # What cannot be read is not shown either.
        return True


def _summary(payment: Payment) -> x.ExportedPayment:
    return x.ExportedPayment(
        id=payment.id,
        merchant=payment.merchant,
        idempotency_key=payment.idempotency_key,
        state=payment.state.value,
        in_doubt=payment.in_doubt,
        is_parked=payment.is_parked,
        amount=str(payment.money),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        authorized_minor=payment.authorized_minor,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
        charged_back_minor=payment.charged_back_minor,
        chargebacks=list(payment.chargebacks),
        capture=payment.request.capture.value,
        method=payment.payment_method.type.value,
        customer_id=None if payment.customer is None else payment.customer.id,
        gateway=payment.gateway,
        retry_of=payment.request.retry_of,
        fingerprint=payment.fingerprint,
        failure=_failure(payment.failure),
        created_at=payment.created_at,
        updated_at=payment.updated_at,
    )


def _failure(failure: Failure | None) -> x.ExportedFailure | None:
    if failure is None:
        return None
    return x.ExportedFailure(
        reason=failure.reason.value, code=failure.code, message=failure.message, gateway=failure.gateway
    )


def _attempt(attempt: Attempt, events: list[e.Event]) -> x.ExportedAttempt:
    number = attempt.number
    started = next(each for each in events if isinstance(each, e.AttemptStarted) and each.number == number)
    resolved = (each for each in events if isinstance(each, e.OutcomeResolved) and each.number == number)
    return x.ExportedAttempt(
        number=number,
        gateway=attempt.gateway,
        operation_id=attempt.operation_id,
        idempotency_key=attempt.idempotency_key,
        request_digest=attempt.request_digest,
        reference=attempt.reference,
        status=attempt.status.value,
        failure=_failure(attempt.failure),
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        configuration=attempt.configuration,
        decision=started.decision.sentences(),
        evidence=[_evidence(each) for each in resolved],
    )


def _operation(operation: Operation, events: list[e.Event]) -> x.ExportedOperation:
    settled = (
        each
        for each in events
        if isinstance(each, e.OperationSucceeded | e.OperationFailed) and each.operation_id == operation.id
    )
    return x.ExportedOperation(
        id=operation.id,
        kind=operation.kind.value,
        key=operation.key,
        amount_minor=operation.amount_minor,
        idempotency_key=operation.idempotency_key,
        reference=operation.reference,
        status=operation.status.value,
        reason=operation.reason,
        failure=_failure(operation.failure),
        started_at=operation.started_at,
        ended_at=operation.ended_at,
        evidence=[_evidence(each) for each in settled],
    )


def _evidence(event: e.OutcomeResolved | e.OperationSucceeded | e.OperationFailed) -> x.ExportedEvidence:
    return x.ExportedEvidence(at=event.at, evidence=event.evidence, detail=event.detail)


def _incident(incident: Incident, events: list[e.Event]) -> x.ExportedIncident:
    about = [each for each in events if getattr(each, "incident_id", None) == incident.id]
    closed = next((each for each in reversed(about) if isinstance(each, e.IncidentClosed)), None)
    return x.ExportedIncident(
        id=incident.id,
        reason=incident.reason.value,
        detail=incident.detail,
        is_open=incident.is_open,
        opened_at=about[0].at,
        closed_at=None if closed is None else closed.at,
        closed_by=None if closed is None else closed.operator,
        closing_detail="" if closed is None else closed.detail,
    )


def _decisions(told: Sequence[tuple[e.Event, str, list[str]]]) -> Iterator[x.ExportedDecision]:
    for version, (event, by, sentences) in enumerate(told, start=1):
        if isinstance(event, e.AttemptStarted):
            yield x.ExportedDecision(version=version, at=event.at, by=ENGINE, sentences=event.decision.sentences())
        elif by.startswith(("hook ", "operator ", "merchant")):
            yield x.ExportedDecision(version=version, at=event.at, by=by, sentences=sentences)


def _personal(payment: Payment) -> x.ExportedPersonalData:
    customer, metadata = payment.customer, payment.metadata
    return x.ExportedPersonalData(
        customer=None if customer is None else _CUSTOMER.dump_python(customer, mode="json"),
        payment_method=_METHOD.dump_python(payment.payment_method, mode="json"),
        metadata=dict(metadata) if isinstance(metadata, Mapping) else {},
        return_url=payment.request.return_url,
    )
