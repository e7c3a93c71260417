"""Who pays, and where they live."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aegispay.domain.card_data import refuse_card_keys, refuse_card_number, shown
from aegispay.domain.text import construct, optional_text, text
from aegispay.errors import FieldError, ValidationError

_COUNTRY = re.compile(r"[A-Z]{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE_DIGITS_MAX = 15
"""E.164 allows no more; most card numbers have 16."""
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{4,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address.

    Attributes:
        country: ISO 3166-1 alpha-2, capitals; routing and risk look at it.
    """

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str

    def __post_init__(self) -> None:
        optional_text("address.line1", self.line1, longest=255)
        optional_text("address.line2", self.line2, longest=255)
        optional_text("address.city", self.city, longest=128)
        optional_text("address.state", self.state, longest=128)
        optional_text("address.postal_code", self.postal_code, longest=32)
        if not isinstance(self.country, str) or not _COUNTRY.fullmatch(self.country):
            message = "use an ISO 3166 code of two capitals such as US"
            raise ValidationError([FieldError("address.country", message, shown(self.country))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who pays.

    Attributes:
        id: yours, stable, 1 to 128 characters.
    """

    id: str
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None

    def __post_init__(self) -> None:
        text("customer.id", self.id, longest=128)
        optional_text("customer.name", self.name, longest=255)
        optional_text("customer.email", self.email, longest=254)
        if self.email is not None and not _EMAIL.fullmatch(self.email):
            raise ValidationError([FieldError("customer.email", "use the form name@example.com")])
        if self.phone is not None:
            _check_phone(self.phone)

    def __repr__(self) -> str:
        """Show the id only: the rest is personal."""
        return f"<Customer {self.id}>"


def _check_phone(phone: object) -> None:
    if (
        not isinstance(phone, str)
        or not _PHONE.fullmatch(phone)
        or sum(character.isdigit() for character in phone) > _PHONE_DIGITS_MAX
    ):
        raise ValidationError([FieldError("customer.phone", "use up to 15 digits, best in the form +14155550100")])
    if not phone.startswith("+"):
        refuse_card_number("customer.phone", phone)


def parse_customer(value: object, *, field: str = "customer") -> Customer | None:
    """Return a customer from an object or a mapping; ``None`` stays ``None``.

    Raises:
        ValidationError: naming what is wrong.
        CardDataError: card data stands in it.
    """
    if value is None or isinstance(value, Customer):
        return value
    if not isinstance(value, Mapping):
        raise ValidationError([FieldError(field, "use Customer or a mapping", type(value).__name__)])
    fields: dict[str, Any] = dict(value)
    refuse_card_keys(field, fields)
    for name in ("billing_address", "shipping_address"):
        if name in fields:
            fields[name] = _parse_address(fields[name], f"{field}.{name}")
    return construct(Customer, fields, field)


def _parse_address(value: object, field: str) -> Address | None:
    if value is None or isinstance(value, Address):
        return value
    if not isinstance(value, Mapping):
        raise ValidationError([FieldError(field, "use Address or a mapping", type(value).__name__)])
    refuse_card_keys(field, value)
    return construct(Address, dict(value), field)
