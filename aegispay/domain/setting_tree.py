"""The settings as a tree of names, types, defaults and reasons, read from the classes that hold them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import PydanticUndefined

Place = tuple[str | int, ...]

MISSING: Any = PydanticUndefined
"""Stands for a default where there is none."""

_ENTRY = re.compile(r"    ([a-z]\w*(?:, [a-z]\w*)*): (.*)")


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One name in a section.

    Attributes:
        kind: its type, as declared.
        default: `MISSING` where it must be given.
        reason: what it is for, and why the default is what it is; in the words of its class.
    """

    name: str
    kind: Any
    default: Any
    reason: str


@cache
def settings_of(section: type) -> Mapping[str, Setting]:
    """Return what stands in a section: a pydantic model or a dataclass."""
    reasons = _reasons(section)
    kinds = get_type_hints(section, include_extras=True)
    return MappingProxyType(
        {name: Setting(name, kinds[name], default, reasons.get(name, "")) for name, default in _defaults(section)}
    )


def leaves(section: type, place: Place = (), reason: str = "") -> Iterator[tuple[Place, Setting]]:
    """Yield every setting that is no section of its own, with its place; one without a reason has its section's."""
    for name, setting in settings_of(section).items():
        inner = _sections(setting.kind)
        why = setting.reason or reason
        if len(inner) == 1 and type(setting.default) is inner[0]:
            yield from leaves(inner[0], (*place, name), why)
        else:
            yield (*place, name), dataclasses.replace(setting, reason=why)


def names_at(kind: Any, place: Sequence[str | int], given: Any) -> tuple[str, ...]:
    """Return the names that may stand in the mapping at `place` of `given`, which is to become a `kind`."""
    sections = _walk(kind, place, given)
    here = _value_at(given, place)
    chosen = [kind for section in sections for kind in _kinds(section) if _fits(kind, here)]
    return tuple(dict.fromkeys(name for section in chosen or sections for name in settings_of(section)))


def is_secret(kind: Any, place: Sequence[str | int], given: Any) -> bool:
    """Return whether the value at `place` is a secret."""
    if not place:
        return False
    found = [settings_of(section).get(str(place[-1])) for section in _walk(kind, place[:-1], given)]
    return any(setting is not None and _is_secret(setting.kind) for setting in found)


def _is_secret(kind: Any) -> bool:
    return any(each in {SecretStr, SecretBytes} for each in _alternatives(kind))


def _walk(kind: Any, place: Sequence[str | int], given: Any) -> list[type]:
    kinds = [kind]
    for number, part in enumerate(place):
        here = _value_at(given, place[:number])
        kinds = [inner for each in kinds for inner in _step(each, part, here)]
    return [section for each in kinds for section in _sections(each)]


def _step(kind: Any, part: str | int, here: Any) -> Iterator[Any]:
    for each in _alternatives(kind):
        if _is_section(each):
            found = [settings_of(fitting).get(str(part)) for fitting in _kinds(each) if _fits(fitting, here)]
            yield from (setting.kind for setting in found if setting is not None)
        elif get_origin(each) in {dict, Mapping}:
            yield get_args(each)[1]
        elif get_args(each) and isinstance(part, int):
            yield get_args(each)[0]


def _sections(kind: Any) -> list[type]:
    return [each for each in _alternatives(kind) if _is_section(each)]


def _alternatives(kind: Any) -> Iterator[Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif origin in {Union, UnionType}:
        for each in get_args(kind):
            yield from _alternatives(each)
    elif kind is not NoneType:
        yield kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind))


def _kinds(section: type) -> Iterator[type]:
    """Yield a section and all that take its place, where kinds are told apart by a field."""
    yield section
    if "kind" in settings_of(section):
        inner: type
        for inner in section.__subclasses__():
            yield from _kinds(inner)


def _fits(section: type, given: Any) -> bool:
    """Whether the mapping names this kind, where kinds are told apart by a field."""
    setting = settings_of(section).get("kind")
    if setting is None or not isinstance(given, Mapping) or "kind" not in given:
        return True
    return get_origin(setting.kind) is Literal and given["kind"] in get_args(setting.kind)


def _value_at(given: Any, place: Sequence[str | int]) -> Any:
    for part in place:
        try:
            given = given[part]
        except (LookupError, TypeError):
            return None
    return given


def _defaults(section: type) -> Iterator[tuple[str, Any]]:
    if issubclass(section, BaseModel):
        for name, info in section.model_fields.items():
            yield name, info.get_default(call_default_factory=True, validated_data={})
        return
    for each in dataclasses.fields(section):  # type: ignore[arg-type]  # a section is one or the other
        if each.default_factory is not dataclasses.MISSING:
            yield each.name, each.default_factory()
        else:
            yield each.name, MISSING if each.default is dataclasses.MISSING else each.default


def _reasons(section: type) -> dict[str, str]:
    """Read the ``Attributes:`` of a class's docstring, and of those it inherits from."""
    found: dict[str, str] = {}
    for base in reversed(section.__mro__):
        _, _, text = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        names: list[str] = []
        for line in text.splitlines():
            entry = _ENTRY.fullmatch(line)
            if entry:
                names = entry.group(1).split(", ")
                found.update(dict.fromkeys(names, entry.group(2)))
            elif line.startswith("     ") and names:
                found.update({name: f"{found[name]} {line.strip()}" for name in names})
            else:
                names = []
    return found
