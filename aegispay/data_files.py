"""Settings and rules from files: YAML, TOML or JSON, read within limits and never executed."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aegispay.domain.card_data import shown
from aegispay.domain.settings_errors import path
from aegispay.errors import ConfigurationError, FieldError

Place = tuple[str | int, ...]
"""Where a value stands in a document: keys and indices, from the outside in."""

SIZE_MAX = 1 << 19
"""Bytes of a file: room for thousands of rules, and read within seconds whatever it holds."""
DEPTH_MAX = 32
"""Levels of nesting: more than any setting has."""
VALUES_MAX = 100_000
"""Values in a document, each use of an alias counted: an alias of aliases must not grow without limit."""

_FORMS = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".json": "JSON"}


@dataclass(frozen=True, slots=True)
class DataFile:
    """What a file holds: mappings with text keys, lists, texts, numbers, booleans and nulls.

    Attributes:
        path: as it was given.
        data: the outermost value.
        lines: line numbers from 1, by place; only YAML has them.
    """

    path: str
    data: Any
    lines: Mapping[Place, int] = field(default_factory=dict, repr=False)

    def where(self, place: Iterable[str | int] = ()) -> str:
        """Return the file, with the line of the value at `place`, or of the nearest value around it, where known."""
        parts = tuple(place)
        for end in range(len(parts), -1, -1):
            if parts[:end] in self.lines:
                return f"{self.path}:{self.lines[parts[:end]]}"
        return self.path


def read_data_file(file: str | Path) -> DataFile:
    """Read a file; its suffix says what it is: .yaml, .yml, .toml or .json.

    YAML is read by version 1.2's rules: only ``true`` and ``false`` are booleans, so ``NO`` is a country, and times and
    dates are texts.

    Raises:
        ConfigurationError: it cannot be read, is too large, or is not what its suffix says. The error names the file,
            and the line where it is known.
    """
    name = str(file)
    form = _FORMS.get(Path(file).suffix.lower())
    if form is None:
        raise _refused(name, f"the name must end with one of {', '.join(_FORMS)}")
    try:
        with open(file, "rb") as stream:
            content = stream.read(SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        raise _refused(name, getattr(error, "strerror", None) or "is no path") from None
    if len(content) > SIZE_MAX:
        raise _refused(name, f"is larger than {SIZE_MAX:,} bytes")
    try:
        return parse_data(content.decode("utf-8-sig"), form=form, name=name)
    except UnicodeDecodeError:
        raise _refused(name, f"is not {form}: it is not UTF-8") from None


def parse_data(text: str, *, form: str, name: str) -> DataFile:
    """Read a text.

    Args:
        text: the document.
        form: ``YAML``, ``TOML`` or ``JSON``.
        name: what errors call it.

    Raises:
        ConfigurationError: it is not what `form` says, or beyond the limits.
    """
    try:
        if form == "YAML":
            from aegispay.yaml_documents import read_yaml  # noqa: PLC0415 - only YAML needs its package

            data, lines = read_yaml(text, depth_max=DEPTH_MAX, values_max=VALUES_MAX)
        else:
            data, lines = (tomllib.loads(text) if form == "TOML" else _read_json(text)), {}
    except ImportError:
        hint = "Install it with `pip install 'aegispay[yaml]'`, or write the file as TOML or JSON."
        raise ConfigurationError([FieldError(name, "YAML needs the package PyYAML")], hint=hint) from None
    except RecursionError:
        raise _refused(name, f"is nested more than {DEPTH_MAX} levels deep, or contains itself") from None
    except ValueError as error:
        reason = "a number has too many digits" if "int_max_str_digits" in str(error) else error
        raise _refused(name, f"is not {form}: {reason}") from None
    _Limits(name).check(data, ())
    return DataFile(name, data, lines)


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{shown(key)} stands there twice in one object")
        found[key] = value
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


class _Limits:
    """Walks a document and counts."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0

    def check(self, value: Any, place: Place) -> None:
        self._values += 1
        if self._values > VALUES_MAX:
            raise _refused(self._name, f"has more than {VALUES_MAX:,} values")
        if len(place) > DEPTH_MAX:
            raise _refused(self._name, f"is nested more than {DEPTH_MAX} levels deep")
        if isinstance(value, float) and not math.isfinite(value):
            raise _refused(self._name, f"{path(place)}: infinity and not-a-number are no settings")
        if isinstance(value, dict):
            for key, each in value.items():
                self.check(each, (*place, key))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self.check(each, (*place, index))


def _refused(name: str, message: str) -> ConfigurationError:
    return ConfigurationError([FieldError(name, message)], hint="Correct the file; nothing was changed.")
