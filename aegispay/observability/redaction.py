"""What a log line may say: no card number, no secret and nobody's address, whatever was handed to it."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Any

from aegispay.domain.card_data import contains_card_number, is_card_like_id, mask_card_numbers
from aegispay.errors import AegisPayError

REMOVED = "[removed]"

_TEXT_MAX = 2_048
_TRACEBACK_MAX = 16_384
_MARGIN = 64
"""Masked before it is cut, so that no half of a card number is left at the end."""
_ITEMS_MAX = 100
_DEPTH_MAX = 6

_CARD_NAMES = ("cvv", "cvv2", "cvc", "cvc2", "cvn", "csc", "cardnumber", "cardno", "pan", "securitycode", "trackdata")
_SECRET_NAMES = (
    *("authorization", "proxyauthorization", "cookie", "setcookie", "credentials", "signature"),
    *("password", "passwd", "secret", "apikey", "secretkey", "privatekey", "accesskey", "signingkey", "token", "pin"),
)
_PERSONAL_NAMES = (
    *("email", "phone", "phonenumber", "fullname", "firstname", "lastname", "customername", "cardholder"),
    *("cardholdername", "vpa", "iban", "accountnumber", "address", "postalcode"),
)
_DENIED = frozenset({*_CARD_NAMES, *_SECRET_NAMES, *_PERSONAL_NAMES, "card", "customer", "track1", "track2"})
_DENIED_ENDS = (
    *("cvv", "cvc", "cardnumber", "secret", "password", "apikey", "privatekey", "token", "signature", "email"),
    *("phone", "address", "cookie", "authorization"),
)
"""A field whose name ends like this holds the same as one whose name is this: ``billing_address``, ``whsec_secret``."""

_IDS = frozenset({"payment_id", "operation_id", "event_id", "trace_id", "revision", "position"})
"""Fields that the engine fills with ids of its own making: a line without them would be of no use."""

_NAMED = re.compile(
    r"""(?ix) (?<![a-z])
    ( (?: card[ _-]?(?:cvv|cvc|number|no) | cvv2? | cvc2? | cvn | csc | security[ _-]?code | pan
        | (?:proxy-)?authorization | (?:set-)?cookie | pass(?:word|wd) | pin
        | secret | api[_-]?key | token | signature )
      (?:\\?["'])? \s{0,2} (?: [:=]\s{0,2} | \s ) (?:(?:bearer|basic)\s+)? )
    ( \\?b?\\?"[^"]*" | \\?b?\\?'[^']*' | [^\s"',;&<>(){}\[\]]+ )
    """
)
"""A name that gives a secret away and what stands behind it: ``cvv=123``, ``"api_key": "…"``, ``Authorization: …``."""
_SPACED = re.compile(r"(?i)(?:cvv2?|cvc2?|cvn|csc|security[ _-]?code|pin)\s\Z")
_ESCAPED = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|[nrt])")
"""Characters as `repr` and JSON write them, which libraries' lines are full of."""
_FIELDS = re.compile(r"(?i)(?:cvv2?|cvc2?|cvn|csc|code|number|no|pan|pin|token): ?\Z")
"""Names of the engine's own fields, behind which its errors say in words what is wrong with them."""
_KNOWN_SECRETS = re.compile(r"\b(?:whsec_[\w+/=-]+|[sr]k_(?:live|test)_\w+|(?i:bearer|basic)\s+[\w.~+/=-]{8,})")
_USER_INFO = re.compile(r"(?<=://)[^/\s@'\"]+@")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")


def redact_text(text: str, *, longest: int = _TEXT_MAX) -> str:
    """Return `text` without card numbers, without secrets that can be known as such, without e-mail addresses."""
    masked = mask_card_numbers(_unescaped(text[: longest + _MARGIN]))
    if "://" in masked:
        masked = _USER_INFO.sub(f"{REMOVED}@", masked)
    if "@" in masked:
        masked = _EMAIL.sub(REMOVED, masked)
    masked = _NAMED.sub(_without_secret, _KNOWN_SECRETS.sub(REMOVED, masked))
    if len(text) <= longest and masked == text:
        return text
    return masked if len(masked) <= longest else f"{masked[:longest]}…"


def _unescaped(text: str) -> str:
    r"""Return the text with escapes written out, if a card number is among them: ``4242\xa04242``, ``\uff14\uff12``."""
    if "\\" not in text:
        return text
    plain = _ESCAPED.sub(_character, text)
    return plain if contains_card_number(plain) else text


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    character = chr(int(code, 16)) if code else " "
    return character if character.isprintable() or character.isspace() else found[0]


def _without_secret(found: re.Match[str]) -> str:
    name, said = found.groups()
    if "=" in name or '"' in name or "'" in name:
        return f"{name}{REMOVED}"
    # "the token expired" and "token: must not be empty" name no token; "cvv 123" is a security code.
    is_said = (
        not (said.isalpha() and _FIELDS.search(name)) if ":" in name else _SPACED.search(name) and _has_digit(said)
    )
    return f"{name}{REMOVED}" if is_said else found[0]


def _has_digit(said: str) -> bool:
    return any(map(str.isdecimal, said))


def is_denied(key: str) -> bool:
    """Return whether what stands under this name is never shown."""
    plain = "".join(filter(str.isalnum, key)).lower()
    return plain in _DENIED or plain.endswith(_DENIED_ENDS)


def redact(value: Any, *, depth: int = 0) -> Any:
    """Return what may be shown of `value`: plain data, without what must not be; the value itself where that is fine.

    An object that is no plain data becomes the text it shows of itself, because a renderer might look into it.
    """
    match value:
        case None | bool() | date() | time() | timedelta():
            return value
        case str():
            return redact_text(value)
        case int() | float() | Decimal():
            return _number(value)
        case Mapping() | AbstractSet() | list() | tuple():
            return _container(value, depth)
        case _:
            return _object(value)


def _container(value: Any, depth: int) -> Any:
    if depth >= _DEPTH_MAX:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return redact_fields(value, depth=depth)
    items = [redact(each, depth=depth + 1) for each in _first(value)]
    return tuple(items) if isinstance(value, tuple) else items


def _object(value: object) -> Any:
    match value:
        case Enum():
            return redact(value.value, depth=_DEPTH_MAX)
        case bytes() | bytearray() | memoryview():
            return _bytes(bytes(value))
        case BaseException():
            return describe(value)
        case PurePath():
            return redact_text(str(value))
        case _:
            return redact_text(_shown(value))


def redact_fields(fields: Mapping[Any, Any], *, depth: int = 0) -> dict[Any, Any]:
    """Return the fields of a line, or a mapping in it, without what must not be shown."""
    return {
        redact_text(key) if isinstance(key, str) else redact(key, depth=_DEPTH_MAX): _field(key, value, depth)
        for key, value in _first(fields.items())
    }


def _field(key: Any, value: Any, depth: int) -> Any:
    if isinstance(key, str):
        if key in _IDS and isinstance(value, str) and len(value) <= 200 and not is_card_like_id(value):
            return value
        if is_denied(key) and value is not None:
            return REMOVED
    return redact(value, depth=depth + 1)


def _first(items: Iterable[Any]) -> Iterable[Any]:
    return (item for _, item in zip(range(_ITEMS_MAX), items, strict=False))


def _number(value: float | Decimal) -> Any:
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge integer"
    return REMOVED if contains_card_number(str(value)) else value


def _bytes(value: bytes) -> Any:
    text = value[: _TEXT_MAX + _MARGIN].decode("utf-8", "replace")
    masked = redact_text(text)
    return value if masked == text and len(value) <= _TEXT_MAX else masked


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a line must not fail because of what it is about
        return f"<{type(value).__name__}>"


def describe(error: BaseException) -> str:
    """Return an error's kind, and its words where they are the engine's own: others' may quote anything."""
    kind = type(error).__name__
    return f"{kind}: {redact_text(str(error))}" if isinstance(error, AegisPayError) else kind


def traceback_text(error: BaseException) -> str:
    """Return the traceback as Python prints it, redacted, never with the values of variables."""
    try:
        return redact_text("".join(traceback.format_exception(error)).rstrip("\n"), longest=_TRACEBACK_MAX)
    except Exception:  # noqa: BLE001 - an exception whose own text cannot be made
        return type(error).__name__


def redact_event(_logger: Any, _method: str, event_dict: dict[str, Any]) -> dict[str, Any]:
    """Redact a line, as a structlog processor; put it first, before anything renders an exception."""
    exc_info = event_dict.pop("exc_info", None)
    error = _error_of(exc_info)
    redacted = redact_fields(event_dict)
    if error is not None:
        redacted["exception"] = traceback_text(error)
    return redacted


def _error_of(exc_info: Any) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, TracebackType() | None):
            return error
        case None | False:
            return None
        case _:
            # ``True`` and the like: the one being handled.
            return sys.exception()
