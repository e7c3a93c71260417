"""What a JSON Schema promises, as a flat table, and which changes to it would break somebody.

A schema may change only so that whoever reads events by the old one can read the new ones, and whoever reads by the new
one can read those that were kept: fields may be added if they are optional, and lists of values may grow. Anything else
is another version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Shape = dict[str, str]
"""For each path what stands there: its types, ``!`` when it is always there, and the values it may have."""


def shape(schema: dict[str, Any]) -> Shape:
    return dict(_fields(schema, "", is_required=True))


def _fields(schema: dict[str, Any], path: str, *, is_required: bool) -> Iterator[tuple[str, str]]:
    yield path or ".", _types(schema) + ("!" if is_required else "") + _values(schema)
    for name, each in schema.get("properties", {}).items():
        yield from _fields(each, f"{path}.{name}", is_required=name in schema.get("required", ()))
    if "items" in schema:
        yield from _fields(schema["items"], f"{path}[]", is_required=True)
    for branch in schema.get("oneOf", ()):
        # Told apart by `type`: a union may get another member, as a list of values may get another value.
        kind = branch["properties"]["type"]["const"]
        yield from _fields(branch, f"{path}<{kind}>", is_required=False)


def _types(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"={schema['const']}"
    if "oneOf" in schema:
        return "union"
    types = schema["type"]
    return "|".join(types if isinstance(types, list) else [types]) + (
        f":{schema['format']}" if "format" in schema else ""
    )


def _values(schema: dict[str, Any]) -> str:
    return "".join(f" {value}" for value in schema.get("x-extensible-enum", ()))


def incompatibilities(old: Shape, new: Shape) -> list[str]:
    """Return what would break somebody, sentence by sentence; nothing when the change is an addition."""
    found = [sentence for path, was in old.items() for sentence in _changes(path, was, new.get(path))]
    for path, now in new.items():
        if path not in old and _is_always_there(now) and _parent(path) in old:
            found.append(f"{path} is new and not optional: what was kept does not have it")
    return found


def _changes(path: str, was: str, now: str | None) -> Iterator[str]:
    if now is None:
        yield f"{path} is gone"
        return
    (old_type, *old_values), (new_type, *new_values) = was.split(" "), now.split(" ")
    if old_type.rstrip("!") != new_type.rstrip("!"):
        yield f"{path} was {old_type.rstrip('!')}, is {new_type.rstrip('!')}"
    elif old_type != new_type:
        yield f"{path} was optional, is not" if _is_always_there(now) else f"{path} was always there, is optional"
    lost = [value for value in old_values if value not in new_values]
    if lost:
        yield f"{path} can no longer be {', '.join(lost)}"


def _is_always_there(text: str) -> bool:
    return text.partition(" ")[0].endswith("!")


def _parent(path: str) -> str:
    return path[: max(path.rfind(separator) for separator in ".[<")] or "."
