"""Which fields of an event are personal, taken out of its JSON and put back into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from aegispay.domain.care_events import PaymentParked
from aegispay.domain.event import Event
from aegispay.domain.event_codec import Fields, encode, encode_apart
from aegispay.domain.hook_events import HookJudged, PaymentEnriched
from aegispay.domain.outcome import Reason
from aegispay.domain.payment_events import PaymentFailed, PaymentInitiated
from aegispay.domain.payment_method import Card, Upi

_CUSTOMER = {"email", "phone", "name", "billing_address", "shipping_address"}
_METHOD = {"vpa", "last4", "expiry_month", "expiry_year"}
PERSONAL: dict[type[Event], Fields] = {
    PaymentInitiated: {
        "request": {"customer": _CUSTOMER, "payment_method": _METHOD, "metadata": True, "return_url": True}
    },
    PaymentEnriched: {"metadata"},
    # Hooks see the whole request, and their words may repeat it.
    HookJudged: {"reason"},
    PaymentParked: {"cause"},
    PaymentFailed: {"message"},
}
"""The personal fields of each event."""

_UPI = '"payment_method":{"type":"upi"'

_BY_HOOKS = frozenset({Reason.RISK_REFUSED, Reason.VALIDATION_REFUSED})
"""Reasons of a failure whose message a hook or a reviewer wrote; all others are a gateway's or our own words."""


def _in_request(event: PaymentInitiated) -> bool:
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


_FINDERS: dict[type[Event], Callable[[Any], bool]] = {
    PaymentInitiated: _in_request,
    PaymentEnriched: lambda event: bool(event.metadata),
    HookJudged: lambda event: bool(event.reason),
    PaymentParked: lambda event: bool(event.cause),
    PaymentFailed: lambda event: bool(event.message) and event.reason in _BY_HOOKS,
}


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
    """Fill in what an event cannot be read without."""
    if isinstance(event, PaymentInitiated) and isinstance(event.request.payment_method, Upi):
        return data.replace(_UPI, f'{_UPI},"vpa":"erased@erased"', 1)
    return f'{data[:-1]},"cause":""}}' if isinstance(event, PaymentParked) else data


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
