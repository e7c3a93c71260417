"""What is wrong with a condition or a rule, as an error of AegisPay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

from aegispay.domain.settings_errors import field_errors, nearest
from aegispay.errors import FieldError, ValidationError

_NAME_MAX = 100
"""Characters of an unknown name that are compared with those that are known."""


def refusal(error: pydantic.ValidationError, given: Any, path: str) -> ValidationError:
    """Return the error to raise; `path` is where `given` stands."""
    errors = [_below(path, found) for found in field_errors(error, given)]
    return ValidationError(errors, hint="Correct the named places; docs/rules.md lists fields, operators and limits.")


def wrong(message: str) -> PydanticCustomError:
    """Return the error that tells pydantic what is wrong with the value at hand."""
    return PydanticCustomError("condition", "{message}", {"message": message})


def refuse_unknown(given: Mapping[Any, Any], known: Iterable[str]) -> None:
    """Refuse a mapping that has other keys than these.

    Raises:
        pydantic.ValidationError: naming each of them, and the nearest that is known.
    """
    names = tuple(known)
    errors = [
        InitErrorDetails(type=wrong(nearest(str(key)[:_NAME_MAX], names)), loc=(str(key),), input=value)
        for key, value in given.items()
        if key not in names
    ]
    if errors:
        raise pydantic.ValidationError.from_exception_data("keys", errors)


def _below(path: str, found: FieldError) -> FieldError:
    if found.field == "it":
        return replace(found, field=path)
    return replace(found, field=f"{path}{'' if found.field.startswith('[') else '.'}{found.field}")
