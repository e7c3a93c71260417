"""What a merchant attaches to a payment: any JSON object within limits, kept exactly, or refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aegispay.domain.card_data import refuse_card_number, refuse_secret_key
from aegispay.errors import FieldError, ValidationError

Metadata = dict[str, Any]
"""A JSON object; treat it as read-only."""

DEPTH_MAX = 8
"""Levels of nesting: orders with items with options need five."""
VALUES_MAX = 1_000
"""Values in all: an order with hundreds of lines fits; a document store does not."""
KEY_LENGTH_MAX = 128
TEXT_LENGTH_MAX = 4_096
"""Characters per text: a note, not a file."""
INTEGER_MAX = 2**63 - 1
"""What JSON readers in other languages still take."""


def parse_metadata(value: object, *, field: str = "metadata") -> Metadata:
    """Return a copy of `value` that shares nothing with the caller.

    Raises:
        ValidationError: naming the path of what cannot be kept.
        CardDataError: a text or key holds a card number.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _refused(field, "must be a JSON object", type(value).__name__)
    if not value:
        return {}
    budget = [VALUES_MAX]
    return _copy_object(value, field, 1, budget)


def _refused(path: str, message: str, value: object) -> ValidationError:
    return ValidationError([FieldError(path[:200], message, str(value)[:40])])


def _copy_object(value: Mapping[Any, Any], path: str, depth: int, budget: list[int]) -> dict[str, Any]:
    if depth > DEPTH_MAX:
        raise _refused(path, f"is nested deeper than {DEPTH_MAX} levels", "")
    copied: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str) or not 1 <= len(key) <= KEY_LENGTH_MAX:
            raise _refused(path, f"keys must be texts of 1 to {KEY_LENGTH_MAX} characters", type(key).__name__)
        _check_text(key, path)
        refuse_secret_key(path, key)
        copied[key] = _copy(item, f"{path}.{key}", depth + 1, budget)
    return copied


def _copy(value: object, path: str, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        raise _refused("metadata", f"has more than {VALUES_MAX} values", "")
    match value:
        case None | bool():
            return value
        case str():
            return _text(value, path)
        case int():
            return _integer(value, path)
        case float():
            return _number(value, path)
        case Mapping():
            return _copy_object(value, path, depth, budget)
        case list() | tuple():
            return _copy_list(value, path, depth, budget)
        case _:
            raise _refused(path, "is not a JSON value", type(value).__name__)


def _copy_list(value: list[Any] | tuple[Any, ...], path: str, depth: int, budget: list[int]) -> list[Any]:
    if depth > DEPTH_MAX:
        raise _refused(path, f"is nested deeper than {DEPTH_MAX} levels", "")
    return [_copy(item, f"{path}[{index}]", depth + 1, budget) for index, item in enumerate(value)]


def _text(value: str, path: str) -> str:
    if len(value) > TEXT_LENGTH_MAX:
        raise _refused(path, f"is longer than {TEXT_LENGTH_MAX} characters", f"{len(value)} characters")
    _check_text(value, path)
    refuse_card_number(path, value)
    # An enum's member is kept as the text that JSON makes of it, so that what is stored reads back equal.
    return str.__str__(value)


def _check_text(value: str, path: str) -> None:
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise _refused(path, "is not valid Unicode text", "a lone surrogate")


def _integer(value: int, path: str) -> int:
    if abs(value) > INTEGER_MAX:
        raise _refused(path, "is larger than 64 bits; send it as a text", "an integer")
    refuse_card_number(path, str(value))
    return int(value)


def _number(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise _refused(path, "must be a finite number", repr(value))
    # Only the whole part: the digits behind a point are no card number, and would often look like one.
    refuse_card_number(path, str(int(value)))
    return float(value)
