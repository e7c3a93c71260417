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


_SECONDS_MAX = 10 * 366 * 86_400
"""Ten years: longer than any payment lives, and short enough for every date that it is added to."""


def seconds(field: str, value: object, *, is_zero_fine: bool = False) -> Iterator[FieldError]:
    """Check a duration."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not (0 <= value <= _SECONDS_MAX) or (value == 0 and not is_zero_fine):  # type: ignore[operator]
        least = "0 or more" if is_zero_fine else "more than 0"
        yield FieldError(field, f"use {least} seconds, at most ten years", shown(value))


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
