"""The value of a comparison, checked and in its plain form."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

from aegispay.domain.conditions.kinds import JSON, Kind, WrongOperandError
from aegispay.domain.conditions.operators import EQUALITY, LISTS, Operator
from aegispay.domain.conditions.pattern import Pattern
from aegispay.domain.conditions.pattern_syntax import WrongPatternError
from aegispay.domain.conditions.refusals import wrong

LIST_LENGTH_MAX = 1_000
"""Values of one list: every country and every currency fit, and a long list of customers."""

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...] | None


def check_value(given: Any, kind: Kind, operator: Operator, currency: str) -> Value:
    """Return the value in its plain form.

    Raises:
        PydanticCustomError: it does not fit.
        pydantic.ValidationError: one of its parts does not, and which.
    """
    if operator is Operator.EXISTS:
        return _flag(given)
    if operator in LISTS:
        return _list(given, kind, currency)
    if operator is Operator.BETWEEN:
        return _pair(given, kind, currency)
    if operator is Operator.MATCHES:
        return _pattern(given)
    value = _scalar(given, kind, currency)
    if kind is JSON and operator not in EQUALITY and operator is not Operator.CONTAINS:
        _check_number(value)
    return value


def _flag(given: Any) -> bool:
    if given is None:
        return True
    if not isinstance(given, bool):
        raise wrong("use true or false")
    return given


def _scalar(given: Any, kind: Kind, currency: str) -> Scalar:
    if given is None:
        raise wrong("needs a value")
    if isinstance(given, list | tuple | dict | set | frozenset):
        raise wrong(f"takes one {kind.name}, not a {type(given).__name__}; a list goes with in or between")
    try:
        plain = _plain(given)
        kind.operand(plain, currency)
    except WrongOperandError as error:
        raise wrong(str(error)) from None
    return plain


def _plain(given: Any) -> Scalar:
    match given:
        case str() | Decimal():
            return str(given)
        case bool():
            return given
        case int() | float():
            return given
        case date():
            return given.isoformat()
        case _:
            raise WrongOperandError("use a text, a number, true or false")


def _list(given: Any, kind: Kind, currency: str) -> tuple[Scalar, ...]:
    if not isinstance(given, list | tuple):
        raise wrong(f"takes a list, each a {kind.name}" if given is not None else "needs a value")
    if not 1 <= len(given) <= LIST_LENGTH_MAX:
        raise wrong(f"takes a list of 1 to {LIST_LENGTH_MAX} values; this one has {len(given)}")
    found: list[Scalar] = []
    errors: list[InitErrorDetails] = []
    for index, each in enumerate(given):
        try:
            found.append(_scalar(each, kind, currency))
        except PydanticCustomError as error:
            errors.append(InitErrorDetails(type=error, loc=(index,), input=each))
    if errors:
        raise pydantic.ValidationError.from_exception_data("value", errors)
    return tuple(found)


def _pair(given: Any, kind: Kind, currency: str) -> tuple[Scalar, ...]:
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise wrong("takes a list of two values, the lowest and the highest; both are included")
    pair = _list(given, kind, currency)
    if kind is JSON:
        for each in pair:
            _check_number(each)
    low, high = (kind.operand(each, currency) for each in pair)
    if low > high:
        raise wrong("has nothing in between; write the lowest value first")
    return pair


def _check_number(value: Scalar) -> None:
    if isinstance(value, bool | str):
        raise wrong("takes a number: only numbers are larger or smaller than others")


def _pattern(given: Any) -> str:
    if not isinstance(given, str):
        raise wrong("takes a regular expression, as a text" if given is not None else "needs a value")
    if not given.isprintable():
        raise wrong("use a regular expression without control characters")
    try:
        Pattern(given)
    except WrongPatternError as error:
        raise wrong(str(error)) from None
    return given
