"""The kinds of values: which operators fit them, and how a value in a condition becomes something to compare with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

from aegispay.domain.card_data import contains_card_number
from aegispay.domain.conditions.operators import EQUALITY, ORDER, WORDS, Operator
from aegispay.domain.money import Money, currencies
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.request import CaptureMode
from aegispay.errors import ValidationError

TEXT_LENGTH_MAX = 256
"""Characters of one text in a condition: longer than any id, brand or name."""
_INTEGER_MAX = 2**63 - 1
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class WrongOperandError(ValueError):
    """A value does not fit the field; the message says what would."""


Operand = Callable[[object, str], Any]
"""From a value and the comparison's currency to what is compared.

Raises `WrongOperandError` where the value does not fit.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of values.

    Attributes:
        operators: those that fit, ``exists`` aside.
        operand: see `Operand`.
        options: every value there is, where there are few.
    """

    name: str
    operators: frozenset[Operator]
    operand: Operand
    options: tuple[str, ...] = ()


def folded(text: str) -> str:
    """Return a text as it is compared where capitals make no difference."""
    return text.casefold()


def clock_minutes(hour: int, minute: int) -> int:
    """Return the minutes since midnight."""
    return hour * 60 + minute


def _amount(value: object, currency: str) -> int:
    if isinstance(value, bool | list | tuple | dict) or value is None:
        raise WrongOperandError('use an amount such as "100.00"')
    try:
        return Money.of(value, currency).amount_minor  # type: ignore[arg-type]  # it refuses what is no amount
    except ValidationError as error:
        raise WrongOperandError(error.errors[0].message) from None


def _hour(value: object, _: str) -> int:
    if type(value) is not int or not 0 <= value <= 23:
        raise WrongOperandError("use a whole hour from 0 to 23")
    return value


def _clock(value: object, _: str) -> int:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise WrongOperandError('use a time of day such as "09:30"')
    return clock_minutes(int(found[1]), int(found[2]))


def _date(value: object, _: str) -> int:
    try:
        return date.fromisoformat(value).toordinal()  # type: ignore[arg-type]  # it refuses what is no text
    except (TypeError, ValueError):
        raise WrongOperandError('use a date such as "2027-12-24"') from None


def _text(value: object, _: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_LENGTH_MAX:
        raise WrongOperandError(f"use a text of 1 to {TEXT_LENGTH_MAX} characters")
    if not value.isprintable():
        raise WrongOperandError("use a text without control characters")
    if contains_card_number(value):
        raise WrongOperandError("looks like card data; conditions never hold it")
    return value


def _folded_text(value: object, currency: str) -> str:
    return folded(_text(value, currency))


def _country(value: object, _: str) -> str:
    if not isinstance(value, str) or not _COUNTRY.fullmatch(value):
        raise WrongOperandError("use an ISO 3166 code of two capitals such as US")
    return value


def _json(value: object, currency: str) -> str | float | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _INTEGER_MAX:
        if contains_card_number(str(value)):
            raise WrongOperandError("looks like card data; conditions never hold it")
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, str):
        return _text(value, currency)
    raise WrongOperandError("use a text, a finite number, true or false")


def _one_of(options: tuple[str, ...], otherwise: str) -> Operand:
    known = frozenset(options)

    def operand(value: object, _: str) -> str:
        if isinstance(value, str):
            if value in known:
                return str(value)
            near = get_close_matches(value[:TEXT_LENGTH_MAX], options, n=1)
            if near:
                raise WrongOperandError(f"{otherwise}; did you mean {near[0]}?")
        raise WrongOperandError(otherwise)

    return operand


def _choice(name: str, options: tuple[str, ...], otherwise: str = "") -> Kind:
    return Kind(name, EQUALITY, _one_of(options, otherwise or f"use one of {', '.join(options)}"), options)


MONEY = Kind("amount", EQUALITY | ORDER, _amount)
HOUR = Kind("hour", EQUALITY | ORDER, _hour)
CLOCK = Kind("time of day", EQUALITY | ORDER, _clock)
DATE = Kind("date", EQUALITY | ORDER, _date)
TEXT = Kind("text", EQUALITY | WORDS, _text)
FOLDED = Kind("text without regard to capitals", EQUALITY | WORDS, _folded_text)
COUNTRY = Kind("country", EQUALITY, _country)
CURRENCY = _choice("currency", currencies(), "use an ISO 4217 code such as USD, EUR or JPY")
METHOD = _choice("payment method", tuple(PaymentMethodType))
CAPTURE = _choice("capture", tuple(CaptureMode))
WEEKDAY = _choice("weekday", _WEEKDAYS)
JSON = Kind("metadata", EQUALITY | ORDER | WORDS, _json)


def weekday_name(number: int) -> str:
    """Return the name of a weekday, 0 for Monday."""
    return _WEEKDAYS[number]
