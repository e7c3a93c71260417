"""Settings from a file, the environment and Python, laid over each other; where each came from is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from aegispay.data_files import Place, read_data_file
from aegispay.domain.card_data import shown
from aegispay.domain.setting_tree import is_secret, names_at
from aegispay.domain.settings_errors import field_errors
from aegispay.errors import ConfigurationError, FieldError

PREFIX = "AEGISPAY_"
"""Variables that begin so are settings: ``AEGISPAY_RETRY__ATTEMPTS_MAX`` is ``retry.attempts_max``."""
NOT_SETTINGS = frozenset({"AEGISPAY_ALLOW_CHAOS"})
"""Variables that begin so and are read elsewhere."""
PYTHON = "Python"

_VARIABLE_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was set, and where.

    Attributes:
        values: nested mappings. origins: by place, of everything that is no mapping.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Place, str] = field(default_factory=dict)

    def origin(self, place: Iterable[str | int]) -> str:
        """Return where to look for what is wrong at `place`: a file with its line, or a variable; empty for Python."""
        parts = tuple(place)
        around = (self.source(parts[:end]) for end in range(len(parts), 0, -1))
        found = next(filter(None, around), PYTHON)
        return "" if found == PYTHON else found

    def source(self, place: Place) -> str:
        """Return where the value at `place`, or the first one in it, was set; empty where nobody has set it."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.origins:
                return self.origins[place[:end]]
        return next((origin for known, origin in self.origins.items() if known[: len(place)] == place), "")

    def lay_over(self, name: str | int, value: Any, *, at: Place, origin: Callable[[Place], str]) -> None:
        """Set a value; a mapping adds to the one that stands there, unless it says of which ``kind`` it is."""
        inside = self._mapping(at)
        place = (*at, name)
        before = inside.get(str(name))
        if isinstance(value, Mapping) and isinstance(before, dict) and "kind" not in value:
            for key, each in value.items():
                self.lay_over(key, each, at=place, origin=origin)
            return
        for known in [known for known in self.origins if known[: len(place)] == place]:
            del self.origins[known]
        inside[str(name)] = _copied(value)
        self.origins.update({inner: origin(inner) for inner in _places(value, place)})

    def _mapping(self, place: Place) -> dict[str, Any]:
        inside = self.values
        for name in place:
            if not isinstance(inside.get(str(name)), dict):
                inside[str(name)] = {}
            inside = inside[str(name)]
        return inside


def gather(
    path: str | Path | None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any],
    ignored: Collection[str] = (),
) -> Gathered:
    """Lay the sources over each other: the file first, then the environment, then Python.

    Args:
        path: a YAML, TOML or JSON file; ``None`` for none.
        environ: variables of the environment; those that begin with ``AEGISPAY_`` are settings.
        overrides: values from Python, by name.
        ignored: variables that begin so and are no settings.

    Raises:
        ConfigurationError: the file cannot be used, or a variable cannot be read.
    """
    gathered = Gathered()
    if path is not None:
        _add_file(gathered, path)
    for name in variables(environ, ignored):
        _add_variable(gathered, name, environ[name])
    for key, value in overrides.items():
        gathered.lay_over(key, value, at=(), origin=lambda _: PYTHON)
    return gathered


def variables(environ: Mapping[str, str], ignored: Collection[str] = ()) -> list[str]:
    """Return the names of the variables that are settings."""
    return [
        name for name in sorted(environ) if name.startswith(PREFIX) and name not in NOT_SETTINGS and name not in ignored
    ]


def _add_file(gathered: Gathered, path: str | Path) -> None:
    file = read_data_file(path)
    if file.data is not None and not isinstance(file.data, dict):
        raise ConfigurationError([FieldError(file.path, "must hold a mapping of settings by name")])
    for key, value in (file.data or {}).items():
        gathered.lay_over(key, value, at=(), origin=file.where)
    inside_lists = (place for place in file.lines if any(isinstance(part, int) for part in place))
    gathered.origins.update({place: file.where(place) for place in inside_lists})


def _add_variable(gathered: Gathered, name: str, text: str) -> None:
    *at, last = name.removeprefix(PREFIX).lower().split("__")
    gathered.lay_over(last, _read_variable(name, text), at=tuple(at), origin=lambda _: name)


def _read_variable(name: str, text: str) -> Any:
    """Return a text as it is; lists and mappings are written as JSON."""
    if len(text) > _VARIABLE_MAX:
        raise ConfigurationError([FieldError(name, f"is longer than {_VARIABLE_MAX:,} characters")])
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError([FieldError(name, "begins like JSON, and is none", shown(text))]) from None


def configuration_error(error: pydantic.ValidationError, kind: type, gathered: Gathered) -> ConfigurationError:
    """Return what is wrong with what was gathered for a `kind`, in its writer's words."""
    values = gathered.values
    return ConfigurationError(
        field_errors(
            error,
            values,
            known=lambda place: names_at(kind, place, values),
            origin=gathered.origin,
            is_secret=lambda place: is_secret(kind, place, values),
        )
    )


def _places(value: Any, place: Place) -> Iterator[Place]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _places(each, (*place, key))
    else:
        yield place


def _copied(value: Any) -> Any:
    return {key: _copied(each) for key, each in value.items()} if isinstance(value, Mapping) else value
