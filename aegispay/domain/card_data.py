"""The tripwire for card data: a token is fine, a card number is refused and never repeated."""

from __future__ import annotations

import re

from aegispay.errors import CardDataError

_CANDIDATE = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")
"""13 to 19 digits of a plausible issuer, spaces and dashes allowed."""

_CARD_KEYS = frozenset(
    {"cvv", "cvc", "cvn", "cvv2", "cvc2", "cid", "pan", "number", "card_number", "cardnumber", "security_code", "track"}
)


def contains_card_number(text: str) -> bool:
    """Return whether a run of 13 to 19 digits in `text` passes the Luhn check and could be a card number."""
    if len(text) < 13:
        return False
    return any(_passes_luhn(found.group()) for found in _CANDIDATE.finditer(text))


def refuse_card_number(field: str, value: str) -> str:
    """Return `value`, unless it holds a card number.

    Raises:
        CardDataError: it does; the error names the field and never the value.
    """
    if contains_card_number(value):
        raise CardDataError(field)
    return value


def refuse_card_keys(field: str, keys: object) -> None:
    """Refuse a mapping that has a field for card data, whatever stands in it.

    Raises:
        CardDataError: naming the field.
    """
    if isinstance(keys, dict):
        for key in keys:
            if isinstance(key, str) and key.lower().replace("-", "_") in _CARD_KEYS:
                raise CardDataError(f"{field}.{key}")


def _passes_luhn(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = (digit * 2 if index % 2 else digit for index, digit in enumerate(reversed(digits)))
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def mask_card_numbers(text: str) -> str:
    """Return `text` with every run of digits that could be a card number replaced by ``[removed]``."""
    if len(text) < 13:
        return text
    return _CANDIDATE.sub(lambda found: "[removed]" if _passes_luhn(found.group()) else found.group(), text)
