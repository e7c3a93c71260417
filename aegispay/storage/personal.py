"""Which fields of an event are personal, taken out of its JSON and put back into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from aegispay.domain import care_events as care
from aegispay.domain import hook_events as hooks
from aegispay.domain import operation_events as operations
from aegispay.domain import payment_events as payments
from aegispay.domain.event import Event
from aegispay.domain.event_codec import Fields, encode, encode_apart
from aegispay.domain.evidence import Evidence
from aegispay.domain.fingerprints import ERASED_SALT, ERASED_VPA
from aegispay.domain.outcome import Duplicate, Pending, Reason
from aegispay.domain.payment_method import Card, Upi

_CUSTOMER = {"email", "phone", "name", "billing_address", "shipping_address"}
_METHOD = {"vpa", "last4", "expiry_month", "expiry_year"}
_ANSWER = {"outcome": {"message"}}
PERSONAL: dict[type[Event], Fields] = {
    payments.PaymentInitiated: {
        "request": {"customer": _CUSTOMER, "payment_method": _METHOD, "metadata": True, "return_url": True},
        # What is left of the request's hash must not let anybody try what the rest has been.
        "fingerprint_salt": True,
    },
    payments.ActionRequired: {"action": {"url", "payload"}},
    payments.AttemptFailed: _ANSWER,
    payments.OutcomeBecameUnknown: _ANSWER,
    payments.OutcomeResolved: {"detail"},
    payments.PaymentFailed: {"message"},
    payments.CancelRequested: {"reason"},
    payments.PaymentCancelled: {"reason"},
    operations.OperationRequested: {"reason"},
    operations.OperationSucceeded: {"detail"},
    operations.OperationFailed: {**_ANSWER, "detail": True},
    operations.OperationBecameUnknown: _ANSWER,
    hooks.PaymentEnriched: {"metadata"},
    hooks.HookJudged: {"reason"},
    care.IncidentOpened: {"detail"},
    care.IncidentClosed: {"detail"},
    care.PaymentParked: {"cause"},
    care.PaymentUnparked: {"reason"},
}
"""The personal fields of each event: what says who the customer is, and every word of a person, hook or gateway.

Whoever writes a word may write a name. Codes, references and names of gateways, hooks and operators are none.
"""

_UPI = '"payment_method":{"type":"upi"'

_OUR_INCIDENTS = frozenset(
    {
        Reason.AMOUNT_MISMATCH,
        Reason.CANCEL_NOT_EXECUTED,
        Reason.CHARGEBACK,
        Reason.CONFLICTING_ANSWER,
        Reason.LATE_APPROVAL,
        Reason.UNKNOWN_OPERATION,
    }
)
"""Incidents whose details the engine wrote: ids and amounts, which whoever looks at them needs."""


def _in_request(event: payments.PaymentInitiated) -> bool:
    request = event.request
    if request.metadata or request.return_url is not None:
        return True
    customer, method = request.customer, request.payment_method
    if customer is not None and not (
        customer.email is customer.phone is customer.name is None
        and customer.billing_address is customer.shipping_address is None
    ):
        return True
    if isinstance(method, Card):
        return method.last4 is not None or method.expiry_month is not None or method.expiry_year is not None
    return isinstance(method, Upi)


def _in_action(event: payments.ActionRequired) -> bool:
    return event.action.url is not None or event.action.payload is not None


def _in_answer(event: Any) -> bool:
    # These two have no words of their own.
    return bool(event.outcome.message) and not isinstance(event.outcome, Pending | Duplicate)


def _in_evidence(event: Any) -> bool:
    return ": " in event.detail if event.evidence == Evidence.OPERATOR else bool(event.detail)


def _open_evidence(event: Any) -> str:
    """Return of an operator's verdict who gave it, and nothing of why."""
    return event.detail.partition(": ")[0] if event.evidence == Evidence.OPERATOR else ""


_FINDERS: dict[type[Event], Callable[[Any], bool]] = {
    payments.PaymentInitiated: _in_request,
    payments.ActionRequired: _in_action,
    payments.AttemptFailed: _in_answer,
    payments.OutcomeBecameUnknown: _in_answer,
    payments.OutcomeResolved: _in_evidence,
    payments.PaymentFailed: lambda event: bool(event.message),
    payments.CancelRequested: lambda event: event.reason not in payments.CANCEL_WORDS,
    payments.PaymentCancelled: lambda event: event.reason not in payments.CANCEL_WORDS,
    operations.OperationRequested: lambda event: bool(event.reason),
    operations.OperationSucceeded: _in_evidence,
    operations.OperationFailed: lambda event: _in_answer(event) or _in_evidence(event),
    operations.OperationBecameUnknown: _in_answer,
    hooks.PaymentEnriched: lambda event: bool(event.metadata),
    hooks.HookJudged: lambda event: bool(event.reason),
    care.IncidentOpened: lambda event: bool(event.detail) and event.reason not in _OUR_INCIDENTS,
    care.IncidentClosed: lambda event: bool(event.detail),
    care.PaymentParked: lambda event: bool(event.cause),
    care.PaymentUnparked: lambda event: bool(event.reason),
}

_INSTEAD: dict[type[Event], Callable[[Any], tuple[str, str]]] = {
    payments.PaymentInitiated: lambda _: ("fingerprint_salt", ERASED_SALT),
    payments.OutcomeResolved: lambda event: ("detail", _open_evidence(event)),
    payments.CancelRequested: lambda _: ("reason", payments.CANCEL_WORD),
    payments.PaymentCancelled: lambda _: ("reason", payments.CANCEL_WORD),
    operations.OperationSucceeded: lambda event: ("detail", _open_evidence(event)),
    operations.OperationFailed: lambda event: ("detail", _open_evidence(event)),
    care.IncidentOpened: lambda _: ("detail", ""),
    care.IncidentClosed: lambda _: ("detail", ""),
    care.PaymentParked: lambda _: ("cause", ""),
}
"""What stands in the open instead, where an event cannot be read without it or says more with it."""


def is_personal(event: Event) -> bool:
    """Return whether something personal stands in the event."""
    finder = _FINDERS.get(type(event))
    return finder is not None and finder(event)


def encode_parts(event: Event) -> tuple[str, str | None]:
    """Return the event as JSON: what may stand in the open, and what is personal, ``None`` where nothing is.

    What stands in the open can be read as an event: the same one, of a customer who has only an id.

    Raises:
        CardDataError: a text in it holds a card number.
    """
    if not is_personal(event):
        return encode(event).decode(), None
    data, personal = encode_apart(event, PERSONAL[type(event)])
    return _with_placeholders(event, data.decode()), personal.decode()


def _with_placeholders(event: Event, data: str) -> str:
    if isinstance(event, payments.PaymentInitiated) and isinstance(event.request.payment_method, Upi):
        data = data.replace(_UPI, f'{_UPI},"vpa":"{ERASED_VPA}"', 1)
    instead = _INSTEAD.get(type(event))
    if instead is None:
        return data
    name, value = instead(event)
    return f'{data[:-1]},"{name}":{to_json(value).decode()}}}'


def put_back(data: str, personal: str) -> str:
    """Return the whole event from the two parts that `encode_parts` made of it.

    Raises:
        ValueError: one of them is no JSON.
    """
    whole = from_json(data)
    _merge(whole, from_json(personal))
    return to_json(whole).decode()


def _merge(whole: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        within = whole.get(name)
        if isinstance(within, dict) and isinstance(value, dict):
            _merge(within, value)
        else:
            whole[name] = value
