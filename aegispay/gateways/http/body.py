"""JSON from outside: bounded in size and depth, each key once, nothing that is not JSON."""

from __future__ import annotations

import json
from typing import Any

SIZE_MAX = 1_000_000
"""Bytes of one answer or webhook; a payment takes a few thousand."""
DEPTH_MAX = 32


class UnreadableError(ValueError):
    """The bytes are no JSON that could be trusted. The message never quotes them."""


def read_json(raw: bytes) -> Any:
    """Return what the bytes say.

    Raises:
        UnreadableError: too long, too deep, not UTF-8, not JSON, a number that JSON has not, or a key given twice,
            which readers understand differently.
    """
    if len(raw) > SIZE_MAX:
        raise UnreadableError(f"more than {SIZE_MAX} bytes")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnreadableError:
        raise
    except RecursionError:
        raise UnreadableError(f"more than {DEPTH_MAX} levels deep") from None
    except ValueError:
        raise UnreadableError("not JSON") from None
    _check_depth(value)
    return value


def value_at(value: object, *path: str) -> object:
    """Return what stands at the path of keys, or ``None``."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text_at(value: object, *path: str) -> str:
    """Return the text at the path of keys, or an empty one if there is none."""
    found = value_at(value, *path)
    return found if isinstance(found, str) else ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise UnreadableError("a key is given twice")
    return made


def _refuse_constant(name: str) -> Any:
    raise UnreadableError(f"{name} is no JSON number")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise UnreadableError(f"more than {DEPTH_MAX} levels deep")


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
