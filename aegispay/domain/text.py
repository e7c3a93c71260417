"""Checks that every text and mapping from outside goes through. A failed check names the field and the way out."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, TypeVar

from aegispay.domain.card_data import mask_card_numbers, refuse_card_number, shown
from aegispay.errors import FieldError, ValidationError

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def text(field: str, value: object, *, longest: int) -> str:
    """Return `value` if it is a text of 1 to `longest` printable characters.

    Raises:
        ValidationError: naming the field and what would be right.
        CardDataError: it holds a card number.
    """
    if not isinstance(value, str):
        raise ValidationError([FieldError(field, "must be a text", type(value).__name__)])
    if not value or value.isspace():
        raise ValidationError([FieldError(field, "must not be empty")])
    if len(value) > longest:
        raise ValidationError(
            [FieldError(field, f"must have at most {longest} characters", f"{len(value)} characters")]
        )
    if _CONTROL.search(value):
        raise ValidationError([FieldError(field, "must have no control characters", shown(value))])
    return refuse_card_number(field, value)


def optional_text(field: str, value: object, *, longest: int) -> None:
    """Check `value` like `text` unless it is ``None``."""
    if value is not None:
        text(field, value, longest=longest)


def integer(field: str, value: object, *, smallest: int, largest: int) -> None:
    """Check that `value` is a whole number within bounds.

    Raises:
        ValidationError: naming the field and the bounds.
    """
    if type(value) is not int or not smallest <= value <= largest:
        raise ValidationError([FieldError(field, f"use a whole number from {smallest} to {largest}", shown(value))])


def construct(made: type[T], fields: dict[str, Any], field: str) -> T:
    """Build a value class from a mapping, naming every field that is unknown or missing.

    Raises:
        ValidationError: as said, or what the class itself finds.
    """
    declared = {f.name: f for f in dataclasses.fields(made)}  # type: ignore[arg-type]  # only value classes come here
    known = ", ".join(name for name in declared if name != "type")
    errors = [
        FieldError(f"{field}.{mask_card_numbers(str(name))[:40]}", f"is not known; there are {known}")
        for name in fields
        if name not in declared
    ]
    errors += [
        FieldError(f"{field}.{name}", "is missing")
        for name, declaration in declared.items()
        if declaration.default is dataclasses.MISSING and name not in fields
    ]
    if errors:
        raise ValidationError(errors)
    return made(**fields)
