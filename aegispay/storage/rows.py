"""Between the ports' values and what SQLite keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aegispay.delivery_errors import UnreadableEventError
from aegispay.domain.events import Event, decode
from aegispay.domain.projection import PaymentRow
from aegispay.domain.state import PaymentState
from aegispay.errors import AegisPayError, CorruptStoreError
from aegispay.ports import StoredEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Return microseconds since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Return the aware UTC time."""
    return _EPOCH + timedelta(microseconds=us)


def _optional_us(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)


def _optional_time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


ROW_COLUMNS = (
    "payment_id, merchant, idempotency_key, state, in_doubt, doubt_since, has_incident, amount_minor, "
    "currency, captured_minor, refunded_minor, customer_id, method, gateway, created_at, updated_at, wake_at"
)


def row_values(row: PaymentRow) -> tuple[Any, ...]:
    """Return a payment row in the order of `ROW_COLUMNS`."""
    return (
        row.payment_id,
        row.merchant,
        row.idempotency_key,
        row.state,
        row.in_doubt,
        _optional_us(row.doubt_since),
        row.has_incident,
        row.amount_minor,
        row.currency,
        row.captured_minor,
        row.refunded_minor,
        row.customer_id,
        row.method,
        row.gateway,
        to_us(row.created_at),
        to_us(row.updated_at),
        _optional_us(row.wake_at),
    )


CHANGED_COLUMNS = (
    "version, state, in_doubt, doubt_since, has_incident, captured_minor, refunded_minor, gateway, updated_at, wake_at"
)


def changed_values(row: PaymentRow, version: int) -> tuple[Any, ...]:
    """Return what later events can change, in the order of `CHANGED_COLUMNS`, and the payment's id."""
    return (
        version,
        row.state,
        row.in_doubt,
        _optional_us(row.doubt_since),
        row.has_incident,
        row.captured_minor,
        row.refunded_minor,
        row.gateway,
        to_us(row.updated_at),
        _optional_us(row.wake_at),
        row.payment_id,
    )


def read_row(values: tuple[Any, ...]) -> PaymentRow:
    """Return the payment row that stands in `ROW_COLUMNS`.

    Raises:
        CorruptStoreError: it cannot be read.
    """
    try:
        return PaymentRow(
            payment_id=values[0],
            merchant=values[1],
            idempotency_key=values[2],
            state=PaymentState(values[3]),
            in_doubt=bool(values[4]),
            doubt_since=_optional_time(values[5]),
            has_incident=bool(values[6]),
            amount_minor=values[7],
            currency=values[8],
            captured_minor=values[9],
            refunded_minor=values[10],
            customer_id=values[11],
            method=values[12],
            gateway=values[13],
            created_at=from_us(values[14]),
            updated_at=from_us(values[15]),
            wake_at=_optional_time(values[16]),
        )
    except (ValueError, OverflowError) as error:
        raise CorruptStoreError(f"the row of {values[0]} cannot be read: {error}") from error


EVENT_COLUMNS = "position, payment_id, version, type, schema_version, data, recorded_at, hash"


def decode_event(values: tuple[Any, ...]) -> Event:
    """Return what happened, from the event that stands in `EVENT_COLUMNS`.

    Raises:
        CorruptStoreError: it cannot be read.
    """
    try:
        return decode(values[3], values[4], values[5])
    except (ValueError, TypeError, AegisPayError) as error:
        raise unreadable(values, type(error).__name__) from error


def read_event(values: tuple[Any, ...]) -> StoredEvent:
    """Return the whole event that stands in `EVENT_COLUMNS`.

    Raises:
        CorruptStoreError: it cannot be read.
    """
    try:
        return StoredEvent(
            position=values[0],
            payment_id=values[1],
            version=values[2],
            event=decode_event(values),
            recorded_at=from_us(values[6]),
            hash=values[7].hex(),
        )
    except OverflowError as error:
        raise unreadable(values, type(error).__name__) from error


def unreadable(values: tuple[Any, ...], why: str) -> UnreadableEventError:
    """Return the error for the event that stands in `EVENT_COLUMNS`.

    Args:
        values: as they are kept; who checks only what happened may leave out the last two.
        why: the kind of error only: its text could show what stands in the event.
    """
    try:
        recorded_at = from_us(values[6])
    except (IndexError, OverflowError):
        recorded_at = None
    return UnreadableEventError(
        why,
        position=values[0],
        payment_id=values[1],
        version=values[2],
        event_type=values[3],
        recorded_at=recorded_at,
    )
