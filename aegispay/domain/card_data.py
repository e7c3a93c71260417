"""The tripwire for card data: a token is fine, a card number is refused and never repeated."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache

from aegispay.errors import CardDataError

_LENGTH_MIN = 13
_LENGTH_MAX = 19
_RUN = re.compile(r"[0-9](?:[\s\u2010-\u2015-]{0,2}[0-9]){12,}")
"""Digits in groups, as people write card numbers: spaces and dashes of all kinds, up to two between digits."""
_GROUP = re.compile(r"[0-9]+")
_ISSUER = re.compile(
    r"4[0-9]{12}|3[068][0-9]{12}|3[47][0-9]{13}|(?:2[2-7]|[3-6][0-9])[0-9]{14,17}",
)
"""Beginnings and lengths in use: Visa of old, Diners, American Express, and everybody with 16 to 19 digits.

Closer than "13 to 19 digits", because one number in ten passes the Luhn check by chance: dates, phone numbers and
article numbers must not be taken for cards.
"""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MIXED_WORD = re.compile(r"[0-9]*[A-Za-z_][0-9A-Za-z_]*")

_SECRET_KEYS = frozenset({"cvv", "cvc", "cvn", "cvv2", "cvc2", "cardcvv", "cardcvc", "cardnumber", "securitycode"})
"""Names of fields that hold card data wherever they stand."""
_METHOD_KEYS = _SECRET_KEYS | {"cid", "pan", "number", "track"}
"""Names that mean card data in a payment method; elsewhere they are house numbers and the like."""

_SHOWN_MAX = 40
"""Characters of a value that an error repeats."""


def contains_card_number(text: str) -> bool:
    """Return whether some of the digits in `text` could be a card number: beginning, length and Luhn check fit."""
    return len(text) >= _LENGTH_MIN and next(_card_numbers(text), None) is not None


def is_card_like_id(text: str) -> bool:
    """Return whether an id made elsewhere could be a card number.

    Digits that touch a letter are part of a word, as in ``ch_1a2b…``: such ids are random, and one in thousands holds a
    run of digits that would pass for a card number.
    """
    if len(text) < _LENGTH_MIN or _UUID.fullmatch(text):
        return False
    return any(contains_card_number(part) for part in _MIXED_WORD.split(text))


def refuse_card_number(field: str, value: str) -> str:
    """Return `value`, unless it holds a card number.

    Raises:
        CardDataError: it does; the error names the field and never the value.
    """
    if contains_card_number(value):
        raise CardDataError(field)
    return value


def refuse_secret_key(field: str, key: str) -> None:
    """Refuse a key under which no one keeps anything but card data, or that is a card number itself.

    Raises:
        CardDataError: naming the field.
    """
    if _is_secret_key(key):
        raise CardDataError(field if contains_card_number(key) else f"{field}.{key}")


@lru_cache(maxsize=1024)
def _is_secret_key(key: str) -> bool:
    return _plain(key) in _SECRET_KEYS or contains_card_number(key)


def refuse_card_keys(field: str, keys: Iterable[object], *, is_method: bool = False) -> None:
    """Refuse a mapping that has a field for card data, whatever stands in it.

    Args:
        field: path of the mapping.
        keys: its keys.
        is_method: whether it is a payment method, where more names mean card data.

    Raises:
        CardDataError: naming the field.
    """
    for key in keys:
        if isinstance(key, str):
            refuse_secret_key(field, key)
            if is_method and _plain(key) in _METHOD_KEYS:
                raise CardDataError(f"{field}.{key}")


def mask_card_numbers(text: str) -> str:
    """Return `text` with every run of digits that could be a card number replaced by ``[removed]``."""
    parts: list[str] = []
    done = 0
    for start, end in _card_numbers(text):
        if start >= done:
            parts += (text[done:start], "[removed]")
        done = max(done, end)
    return "".join((*parts, text[done:])) if done else text


def shown(value: object) -> str:
    """Return what an error may repeat of `value`: its beginning, without card numbers."""
    if isinstance(value, str):
        return repr(mask_card_numbers(value[:100]))[:_SHOWN_MAX]
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge integer"
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return mask_card_numbers(text[:100])[:_SHOWN_MAX]


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "").replace(" ", "")


def _card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Yield where card numbers may stand: whole groups of digits, so that a CVV written behind one hides nothing."""
    if not text.isascii():
        text = "".join(map(_ascii_digit, text))
    for run in _RUN.finditer(text):
        groups = [(group.start(), group.end()) for group in _GROUP.finditer(text, run.start(), run.end())]
        for first, (start, _) in enumerate(groups):
            digits = ""
            for begin, end in groups[first : first + _LENGTH_MAX]:
                digits += text[begin:end]
                if len(digits) > _LENGTH_MAX:
                    break
                if _ISSUER.fullmatch(digits) and _passes_luhn(digits):
                    yield start, end


def _ascii_digit(character: str) -> str:
    """Return the digit that a character of another script or width means; any other character as it is."""
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def _passes_luhn(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    doubled = (int(digit) * 2 if index % 2 else int(digit) for index, digit in enumerate(reversed(digits)))
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
