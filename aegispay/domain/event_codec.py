"""Events as JSON: what stands in the store, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pydantic

from aegispay.domain import care_events as care
from aegispay.domain import hook_events as hooks
from aegispay.domain import operation_events as operations
from aegispay.domain import payment_events as payments
from aegispay.domain.card_data import contains_card_number
from aegispay.domain.event import Event
from aegispay.domain.event_type import EventType
from aegispay.domain.outcome import Reason
from aegispay.domain.state import OperationKind
from aegispay.domain.upcasting import upcast
from aegispay.errors import CardDataError, ValidationError

_OPERATION_STEPS = (
    operations.OperationRequested,
    operations.OperationSucceeded,
    operations.OperationFailed,
    operations.OperationBecameUnknown,
)

CLASSES: dict[EventType, type[Event]] = {
    EventType.PAYMENT_INITIATED: payments.PaymentInitiated,
    EventType.PAYMENT_AUTHENTICATED: payments.PaymentAuthenticated,
    EventType.PAYMENT_ACTION_REQUIRED: payments.ActionRequired,
    EventType.PAYMENT_ACTION_COMPLETED: payments.ActionCompleted,
    EventType.PAYMENT_PROCESSING: payments.AttemptStarted,
    EventType.PAYMENT_RETRY_ATTEMPTED: payments.AttemptStarted,
    EventType.ATTEMPT_FAILED: payments.AttemptFailed,
    EventType.RETRY_PUT_OFF: payments.RetryPutOff,
    EventType.OUTCOME_UNKNOWN: payments.OutcomeBecameUnknown,
    EventType.OUTCOME_RESOLVED: payments.OutcomeResolved,
    EventType.PAYMENT_AUTHORIZED: payments.PaymentAuthorized,
    EventType.AUTHORIZATION_EXPIRING: payments.AuthorizationExpiring,
    EventType.PAYMENT_CHARGED_BACK: payments.PaymentChargedBack,
    EventType.PAYMENT_SUCCEEDED: payments.PaymentSucceeded,
    EventType.PAYMENT_FAILED: payments.PaymentFailed,
    EventType.PAYMENT_CANCEL_REQUESTED: payments.CancelRequested,
    EventType.PAYMENT_CANCELLED: payments.PaymentCancelled,
    EventType.PAYMENT_PARTIALLY_REFUNDED: payments.PaymentPartiallyRefunded,
    EventType.PAYMENT_REFUNDED: payments.PaymentRefunded,
    EventType.PAYMENT_ENRICHED: hooks.PaymentEnriched,
    EventType.HOOK_JUDGED: hooks.HookJudged,
    EventType.INCIDENT_OPENED: care.IncidentOpened,
    EventType.INCIDENT_CLOSED: care.IncidentClosed,
    EventType.PAYMENT_PARKED: care.PaymentParked,
    EventType.PAYMENT_UNPARKED: care.PaymentUnparked,
} | {operations.OPERATION_TYPES[kind, made.step]: made for made in _OPERATION_STEPS for kind in OperationKind}
"""The class that carries each stored name."""

ADAPTERS: dict[type[Event], pydantic.TypeAdapter[Any]] = {
    made: pydantic.TypeAdapter(made) for made in set(CLASSES.values())
}
"""What writes and reads each class; made once, because making them takes long."""

_SERIALIZERS = {made: adapter.serializer for made, adapter in ADAPTERS.items()}
_VALIDATORS = {made: adapter.validator for made, adapter in ADAPTERS.items()}
_CLASS_OF = {name.value: made for name, made in CLASSES.items()}
"""By plain text, because looking an enum's member up costs as much as reading a small event."""


_WITHOUT_FOREIGN_WORDS = frozenset(
    {
        care.IncidentOpened,
        payments.ActionCompleted,
        payments.AttemptStarted,
        payments.AuthorizationExpiring,
        payments.PaymentAuthenticated,
        payments.PaymentAuthorized,
        payments.PaymentChargedBack,
        payments.PaymentPartiallyRefunded,
        payments.PaymentRefunded,
        payments.PaymentSucceeded,
    }
)
"""Events that hold only amounts, times, hashes and what is checked where it enters: references and names of gateways.

What they say about money is never refused.
"""

_OURS = frozenset(
    {
        "fingerprint",
        "fingerprint_salt",
        "idempotency_key",
        "incident_id",
        "operation_id",
        "outcome.reference",
        "reference",
        "request.retry_of",
        "trace",
    }
)
"""Where digits are no card number: hashes and names of ours, and the gateways' own ids.

Those are checked when a gateway answers, because only there is known whether its ids are mere numbers.
"""

Fields = Any
"""Names of fields as pydantic takes them: a set, or a mapping of names to the fields inside."""

_RUNS = bytes(0x30 if byte in b"0123456789 -" or byte >= 0x80 else byte for byte in range(256))
"""Digits and whatever may stand between the digits of a card number become zeros."""
_LONG_RUN = b"0" * 13


def encode(event: Event) -> bytes:
    """Write the event's own fields as JSON; its type and schema version are stored beside them.

    Raises:
        CardDataError: a text in it holds a card number. It names the event and the field, never the value.
    """
    made = type(event)
    data = _SERIALIZERS[made].to_json(event)
    # Two searches in C decide nearly always. A backslash may hide the line break between two groups of digits.
    if made not in _WITHOUT_FOREIGN_WORDS and (_LONG_RUN in data.translate(_RUNS) or b"\\" in data):
        _refuse_card_numbers(event.type, data)
    return data


def encode_apart(event: Event, fields: Fields) -> tuple[bytes, bytes]:
    """Write the event as `encode` does, some of its fields apart: the rest first, then those.

    Raises:
        CardDataError: as `encode` does.
    """
    made = type(event)
    serializer = _SERIALIZERS[made]
    rest, apart = serializer.to_json(event, exclude=fields), serializer.to_json(event, include=fields)
    if made not in _WITHOUT_FOREIGN_WORDS and any(
        _LONG_RUN in data.translate(_RUNS) or b"\\" in data for data in (rest, apart)
    ):
        # All of it, because what one part says decides what may stand in the other.
        _refuse_card_numbers(event.type, serializer.to_json(event))
    return rest, apart


def _refuse_card_numbers(event_type: EventType, data: bytes) -> None:
    text = data.decode()
    if "\\" not in text and not contains_card_number(text):
        return
    for name, value in json.loads(text).items():
        # The engine's own words about amounts that do not fit repeat the gateway's reference.
        if name == "outcome" and value.get("reason") == Reason.AMOUNT_MISMATCH:
            continue
        for path, found in _texts(name, value):
            if path not in _OURS and contains_card_number(found):
                raise CardDataError(f"{event_type}: {path}")


def _texts(path: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, item in value.items():
                # A key before what stands under it: a path never repeats a key that is refused.
                yield path, key
                yield from _texts(f"{path}.{key}", item)
        case list():
            for item in value:
                yield from _texts(path, item)


def decode(event_type: str, schema_version: int, data: bytes | str) -> Event:
    """Read an event back.

    Args:
        event_type: the stored name.
        schema_version: the version it was written with.
        data: JSON as `encode` wrote it.

    Raises:
        ValueError: for an unknown type, another version or data that does not fit. It names fields, never values.
    """
    event_class = _CLASS_OF.get(event_type) or CLASSES[EventType(event_type)]
    if schema_version != event_class.schema_version:
        try:
            data = upcast(event_class, schema_version, data)
        except ValueError as error:
            raise ValueError(f"{event_type}: {error}") from None
    try:
        event: Event = _VALIDATORS[event_class].validate_json(data)
    except (pydantic.ValidationError, ValidationError, CardDataError) as error:
        raise ValueError(f"{event_type}: {_unreadable(error)}") from None
    if event.type != event_type:
        raise ValueError(f"stored as {event_type}, but its content is a {event.type}")
    return event


def _unreadable(error: pydantic.ValidationError | ValidationError | CardDataError) -> str:
    """Say which fields do not fit; pydantic's own text would repeat their values."""
    match error:
        case pydantic.ValidationError():
            found = error.errors(include_url=False, include_context=False, include_input=False)
            return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'data'}: {each['type']}" for each in found)
        case ValidationError():
            return "; ".join(f"{each.field}: {each.message}" for each in error.errors)
        case CardDataError():
            return str(error)
