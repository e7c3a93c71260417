"""The fields that a condition can ask for, and how each is read from a payment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from aegispay.domain.conditions import kinds
from aegispay.domain.conditions.kinds import Kind
from aegispay.domain.conditions.subject import Subject, billing_of, country_of, shipping_of
from aegispay.domain.payment_method import Card, NetBanking, PayLater, Upi, Wallet

Reader = Callable[[Subject], Any]
"""From a payment to the field's value in the form that is compared; ``None`` when the payment has none."""
METADATA = "metadata."
_PATH_DEPTH_MAX = 8


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What is known of a field.

    Attributes:
        is_always_there: every payment has it, so that asking whether it exists makes no sense.
        read: how it is read; not for amounts and times, whose reading depends on the comparison.
    """

    kind: Kind
    read: Reader | None = None
    is_always_there: bool = False


def _customer(name: str, *, is_folded: bool = False) -> FieldSpec:
    def read(subject: Subject) -> Any:
        value = getattr(subject.request.customer, name, None)
        return kinds.folded(value) if is_folded and value is not None else value

    return FieldSpec(kinds.FOLDED if is_folded else kinds.TEXT, read)


def _address(whose: Callable[[Subject], Any], name: str) -> FieldSpec:
    def read(subject: Subject) -> Any:
        value = getattr(whose(subject), name, None)
        return value if value is None or name == "country" else kinds.folded(value)

    return FieldSpec(kinds.COUNTRY if name == "country" else kinds.FOLDED, read)


def _method(made: type, name: str) -> FieldSpec:
    def read(subject: Subject) -> Any:
        method = subject.request.payment_method
        value = getattr(method, name) if isinstance(method, made) else None
        return None if value is None else kinds.folded(value)

    return FieldSpec(kinds.FOLDED, read)


def _upi_bank(subject: Subject) -> Any:
    method = subject.request.payment_method
    return kinds.folded(method.vpa.rpartition("@")[2]) if isinstance(method, Upi) else None


_ADDRESS_PARTS = ("country", "state", "city", "postal_code")

FIELDS: dict[str, FieldSpec] = {
    "amount": FieldSpec(kinds.MONEY, is_always_there=True),
    "currency": FieldSpec(kinds.CURRENCY, lambda subject: subject.request.currency, is_always_there=True),
    "method": FieldSpec(kinds.METHOD, lambda subject: subject.request.payment_method.type, is_always_there=True),
    "country": FieldSpec(kinds.COUNTRY, country_of),
    "merchant": FieldSpec(kinds.TEXT, lambda subject: subject.request.merchant, is_always_there=True),
    "capture": FieldSpec(kinds.CAPTURE, lambda subject: subject.request.capture, is_always_there=True),
    "card.brand": _method(Card, "brand"),
    "wallet.provider": _method(Wallet, "provider"),
    "pay_later.provider": _method(PayLater, "provider"),
    "net_banking.bank_code": _method(NetBanking, "bank_code"),
    "upi.bank": FieldSpec(kinds.FOLDED, _upi_bank),
    "customer.id": _customer("id"),
    "customer.name": _customer("name", is_folded=True),
    "customer.email": _customer("email", is_folded=True),
    "customer.phone": _customer("phone"),
    **{f"customer.billing_address.{part}": _address(billing_of, part) for part in _ADDRESS_PARTS},
    **{f"customer.shipping_address.{part}": _address(shipping_of, part) for part in _ADDRESS_PARTS},
    "time.hour": FieldSpec(kinds.HOUR, is_always_there=True),
    "time.of_day": FieldSpec(kinds.CLOCK, is_always_there=True),
    "time.weekday": FieldSpec(kinds.WEEKDAY, is_always_there=True),
    "time.date": FieldSpec(kinds.DATE, is_always_there=True),
}


def spec_of(field: str) -> FieldSpec | None:
    """Return what is known of a field, or ``None`` when there is no such field."""
    if not field.startswith(METADATA):
        return FIELDS.get(field)
    path = field.removeprefix(METADATA).split(".")
    return FieldSpec(kinds.JSON, _metadata(path)) if all(path) and len(path) <= _PATH_DEPTH_MAX else None


def _metadata(path: list[str]) -> Reader:
    first, *others = path
    if not others:
        return lambda subject: subject.request.metadata.get(first)

    *between, last = others

    def read(subject: Subject) -> Any:
        value: Any = subject.request.metadata.get(first)
        for key in between:
            value = value.get(key) if isinstance(value, dict) else None
        return value.get(last) if isinstance(value, dict) else None

    return read


def amount_reader(currency: str) -> Reader:
    """Return a reader of amounts in one currency, in minor units; payments of another currency have none."""

    def read(subject: Subject) -> int | None:
        request = subject.request
        return request.amount_minor if request.currency == currency else None

    return read


def time_reader(field: str, zone: tzinfo) -> Reader:
    """Return a reader of one part of the time as the clocks of `zone` show it."""

    def read(subject: Subject) -> Any:
        if subject.at is None:
            return None
        local = subject.at.astimezone(zone)
        match field:
            case "time.hour":
                return local.hour
            case "time.of_day":
                return kinds.clock_minutes(local.hour, local.minute)
            case "time.weekday":
                return kinds.weekday_name(local.weekday())
            case _:
                return local.toordinal()

    return read
