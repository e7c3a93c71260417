"""Bounds of numbers that settings are made of. Each check gives what is wrong, or nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from aegispay.domain.card_data import shown
from aegispay.errors import FieldError, ValidationError


def whole(field: str, value: int, *, smallest: int = 1) -> Iterator[FieldError]:
    """Check a count."""
    if type(value) is not int or value < smallest:
        yield FieldError(field, f"use a whole number, {smallest} or more", shown(value))


def seconds(field: str, value: float, *, is_zero_fine: bool = False) -> Iterator[FieldError]:
    """Check a duration."""
    if not math.isfinite(value) or value < 0 or (value == 0 and not is_zero_fine):
        least = "0 or more" if is_zero_fine else "more than 0"
        yield FieldError(field, f"use {least} seconds", shown(value))


def share(field: str, value: float) -> Iterator[FieldError]:
    """Check a part of a whole."""
    if not 0.0 <= value <= 1.0:
        yield FieldError(field, "use a share from 0.0 to 1.0", shown(value))


def refuse(*checks: Iterable[FieldError], hint: str) -> None:
    """Raise what the checks found, if they found anything.

    Raises:
        ValidationError: naming every field that makes no sense.
    """
    wrong = [error for check in checks for error in check]
    if wrong:
        raise ValidationError(wrong, hint=hint)
