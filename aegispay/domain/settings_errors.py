"""What is wrong with settings, in the words and paths of whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

import pydantic
from pydantic import ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from aegispay.domain.card_data import mask_card_numbers, shown
from aegispay.errors import FieldError, ValidationError

Place = tuple[str | int, ...]

_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_CHOICES = frozenset({"enum", "literal_error"})
_NAME_MAX = 60
_QUOTED = re.compile(r"'([^']*)'")
_MAPPINGS = frozenset({"dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"})
_LISTS = frozenset({"list_type", "tuple_type", "set_type", "frozen_set_type"})
_NO_NAME = "''"
_OURS = "settings"
_PYDANTIC = frozenset(get_args(ErrorType))


def field_errors(
    error: pydantic.ValidationError,
    given: Any,
    *,
    known: Callable[[Place], Iterable[str]] = lambda _: (),
    origin: Callable[[Place], str] = lambda _: "",
    is_secret: Callable[[Place], bool] = lambda _: False,
) -> list[FieldError]:
    """Return what pydantic found, as AegisPay says it.

    Args:
        error: what pydantic raised.
        given: what it was asked to validate: paths are paths in this.
        known: the names that may stand in the mapping at a place; the nearest one is offered for a name that may not.
        origin: where the value at a place was set.
        is_secret: whether the value at a place must not be shown.
    """
    found: list[FieldError] = []
    for each in error.errors(include_url=False):
        place = _place(each, given)
        value = None if each["type"] in _UNKNOWN or each["type"] == "missing" or is_secret(place) else each["input"]
        for inner, message in _messages(each, place, known(place[:-1]) if each["type"] in _UNKNOWN else ()):
            whole = (*place, *inner)
            shows = value is not None and isinstance(value, str | int | float | list | tuple)
            found.append(FieldError(path(whole), message, shown(value) if shows else None, origin(whole)))
    return found


def path(place: Sequence[str | int]) -> str:
    """Return a place as it is written: ``rules[3].when``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{mask_card_numbers(part)[:_NAME_MAX] or _NO_NAME}"
    return text.lstrip(".") or "it"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to say to somebody who wrote a name that is not known."""
    names = list(known)
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"is not known; did you mean {close[0]}?"
    return f"is not known; there are {', '.join(names)}" if names else "is not known"


def _keep_path(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(given)
    except ValidationError as error:
        raise PydanticCustomError(_OURS, "is wrong", {"errors": error.errors}) from None


Checked = WrapValidator(_keep_path)
"""For a field whose class raises `ValidationError` itself: what it finds is reported beside what pydantic finds."""


def _messages(each: ErrorDetails, place: Place, known: Iterable[str]) -> Iterator[tuple[Place, str]]:
    """Yield messages, with the rest of the path of what they are about."""
    kind = each["type"]
    if kind == _OURS:
        for inner in each["ctx"]["errors"]:
            value = "" if inner.value is None else f" (got {inner.value})"
            yield _rest(inner.field.split("."), place), f"{inner.message}{value}"
    elif kind in _UNKNOWN:
        yield (), nearest(str(each["loc"][-1]), known)
    elif kind == "missing":
        yield (), "is missing"
    elif kind == "union_tag_invalid":
        expected = each["ctx"]["expected_tags"].replace("'", "").split(", ")
        yield (), f"{shown(each['ctx']['tag'])} {nearest(str(each['ctx']['tag']), expected)}"
    elif kind in _CHOICES and (near := _near(each)):
        yield (), f"is not known; did you mean {near}?"
    elif kind in _PYDANTIC and kind != "value_error":
        yield (), _plain(each)
    else:
        yield (), each["msg"].removeprefix("Value error, ")


def _plain(each: ErrorDetails) -> str:
    """Return pydantic's message, in the words of files rather than of Python."""
    kind = each["type"]
    if kind in _MAPPINGS:
        return "must be a mapping"
    if kind in _LISTS:
        return "must be a list"
    if kind in {"too_short", "too_long"}:
        bound = "at least" if kind == "too_short" else "at most"
        count = each["ctx"]["min_length" if kind == "too_short" else "max_length"]
        return f"use {bound} {count} {'item' if count == 1 else 'items'}"
    message = each["msg"].replace("Input should be", "must be")
    return message[:1].lower() + message[1:]


def _near(each: ErrorDetails) -> str | None:
    """Return the word that was meant, where one of a choice of words was wanted."""
    given = each["input"]
    words = _QUOTED.findall(each["ctx"]["expected"])
    near = get_close_matches(given.lower()[:_NAME_MAX], words, n=1) if isinstance(given, str) else []
    return near[0] if near else None


def _rest(parts: Sequence[str], place: Place) -> Place:
    """Return a class's own path without its beginning, which says where `place` is, or only what the class is."""
    shared = (count for count in range(len(parts), 1, -1) if tuple(parts[:count]) == place[-count:])
    return tuple(parts[next(shared, 1) :])


def _place(each: ErrorDetails, given: Any) -> Place:
    """Return where it stands in what was given: pydantic's own path also names the kinds it tried."""
    found: list[str | int] = []
    value, parts = given, each["loc"]
    for part in parts:
        if _is_in(value, part):
            value = value[part]
            found.append(part)
    return (*found, parts[-1]) if each["type"] == "missing" else tuple(found)


def _is_in(value: Any, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
