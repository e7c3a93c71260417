"""Card numbers that pass every check, drawn at random, in the ways people write them."""

from __future__ import annotations

import random

_BRANDS = (
    *(("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15)),
    *(("36", 14), ("38", 14), ("6011", 16), ("65", 16), ("3528", 16), ("6200", 19), ("5018", 16)),
)
_SCRIPTS = [{ord("0") + digit: zero + digit for digit in range(10)} for zero in (ord("0"), 0xFF10, 0x0660)]
"""Digits as they are, of full width, and Arabic-Indic."""
_SEPARATORS = ("", "", " ", "-", "\u2013", "\u00a0")


def card_number(source: random.Random, *, digits_min: int = 13) -> str:
    """Return a number of some network whose last digit is right, in groups of four or in one piece, in any script."""
    prefix, length = source.choice([brand for brand in _BRANDS if brand[1] >= digits_min])
    body = prefix + "".join(source.choice("0123456789") for _ in range(length - len(prefix) - 1))
    digits = body + _check_digit(body)
    separator = source.choice(_SEPARATORS)
    groups = separator.join(digits[start : start + 4] for start in range(0, length, 4))
    return groups.translate(_SCRIPTS[source.choice((0, 0, 0, 1, 2))])


def _check_digit(body: str) -> str:
    doubled = (int(digit) * (1 if index % 2 else 2) for index, digit in enumerate(reversed(body)))
    return str(-sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10)
