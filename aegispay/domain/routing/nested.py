"""A strategy as a setting: an object, its name, or a mapping with its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from aegispay.domain.routing.strategy import Strategy
from aegispay.domain.settings_errors import nearest

_LEVELS_MAX = 50
"""Levels of lists and mappings: more than `DEPTH_MAX` strategies with conditions need, fewer than the stack holds."""

_KINDS: dict[str, type[Strategy]] = {}


def declare(*classes: type[Strategy]) -> None:
    """Make these the strategies that a setting may name."""
    _KINDS.update({made.model_fields["kind"].default: made for made in classes})


def kinds() -> tuple[str, ...]:
    """Return the names of all strategies that a setting may name."""
    return tuple(_KINDS)


def _build(given: Any) -> Any:
    if isinstance(given, Strategy):
        return _known(given)
    if _is_deeper_than(_LEVELS_MAX, given):
        raise PydanticCustomError("too_deep", "use fewer levels of lists and mappings inside each other")
    if isinstance(given, str):
        return class_of(given).model_validate({})
    if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
        message = "name a strategy, or give a mapping with the kind of one: {known}"
        raise PydanticCustomError("strategy", message, {"known": ", ".join(_KINDS)})
    return class_of(given["kind"]).model_validate(dict(given))


def _known(given: Strategy) -> Strategy:
    if _KINDS.get(given.kind) is not type(given):
        message = "use a built-in strategy, which can be stored and read again, or a routing hook for one of your own"
        raise PydanticCustomError("strategy", message)
    return given


def class_of(kind: str) -> type[Strategy]:
    """Return the strategy of this name.

    Raises:
        PydanticCustomError: there is none.
    """
    made = _KINDS.get(kind)
    if made is None:
        raise PydanticCustomError("strategy", "the strategy {said}", {"said": nearest(kind, _KINDS)})
    return made


def _is_deeper_than(levels: int, given: Any) -> bool:
    """Return whether there are more levels, or no end of them, without going down them one inside the other."""
    layer = {id(given): given}
    for _ in range(levels):
        layer = {id(item): item for value in layer.values() for item in _inside(value)}
        if not layer:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


AnyStrategy = Annotated[SerializeAsAny[Strategy], BeforeValidator(_build)]
"""Any built-in strategy; see `_build` for what may stand for it."""
