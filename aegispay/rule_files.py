"""Routing rules from YAML, TOML or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pydantic

from aegispay.data_files import DataFile, read_data_file
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.settings_errors import Place, field_errors
from aegispay.errors import ConfigurationError, FieldError

_HINT = "Correct the named places; docs/rules.md lists fields, operators and limits. Nothing was changed."


def load_rules(path: str | Path) -> RuleBased:
    """Return the rules that a file holds: a mapping with ``rules`` and, best, ``otherwise``.

    Raises:
        ConfigurationError: the file cannot be read or something in it is wrong; it names the file, the line where it is
            known, the path, what is wrong and what would be right.
    """
    return rules_of(read_data_file(path))


def rules_of(file: DataFile) -> RuleBased:
    """Return the rules of a file that has been read.

    Raises:
        ConfigurationError: as `load_rules`.
    """
    given = file.data
    if not isinstance(given, Mapping) or "rules" not in given:
        message = "use a mapping with rules: a list, and otherwise: the strategy for all other payments"
        raise ConfigurationError([FieldError("rules", message, origin=file.where())], hint=_HINT)
    try:
        return RuleBased.model_validate(given)
    except pydantic.ValidationError as error:
        errors = field_errors(error, given, known=_known, origin=file.where)
        raise ConfigurationError(errors, hint=_HINT) from None


def _known(place: Place) -> Iterable[str]:
    return RuleBased.model_fields if not place else ()
