"""YAML 1.2 for settings: plain values only, with the line of each, and nothing that surprises."""

from __future__ import annotations

import re
from typing import Any

import yaml

from aegispay.domain.card_data import shown

Place = tuple[str | int, ...]

_PREFIX = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def read_yaml(text: str, *, depth_max: int, values_max: int) -> tuple[Any, dict[Place, int]]:
    """Return the document's value, and the line of each value in it, from 1.

    Args:
        text: the document.
        depth_max: levels of nesting.
        values_max: values, each use of an alias counted.

    Raises:
        RecursionError: it is nested deeper, or an alias contains itself.
        ValueError: it is no YAML, holds more than one document, tags, repeated keys or keys that are no texts, or is
            too large once its aliases are expanded.
    """
    try:
        root = yaml.compose(text, Loader=_Texts)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f"line {mark.line + 1}: "
        raise ValueError(f"{line}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(str(getattr(error, "reason", "cannot be read"))) from None
    builder = _Builder(depth_max, values_max)
    return (None if root is None else builder.build(root, ())), builder.lines


class _Texts(yaml.SafeLoader):
    """Takes every scalar for a text: what it means is decided here, by version 1.2's rules."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - how the base class declares it


class _Builder:
    """Turns nodes into values."""

    def __init__(self, depth_max: int, values_max: int) -> None:
        self.lines: dict[Place, int] = {}
        self._depth_max = depth_max
        self._values_left = values_max

    def build(self, node: yaml.Node, place: Place) -> Any:
        self._values_left -= 1
        if self._values_left < 0:
            raise ValueError("it has too many values, each use of an alias counted")
        if len(place) > self._depth_max:
            raise RecursionError
        self.lines.setdefault(place, node.start_mark.line + 1)
        if not node.tag.startswith(_PREFIX) or node.tag.removeprefix(_PREFIX) not in {"str", "seq", "map"}:
            raise ValueError(f"line {self.lines[place]}: {shown(node.tag)}: tags are not supported")
        match node:
            case yaml.MappingNode():
                return self._mapping(node, place)
            case yaml.SequenceNode():
                return [self.build(each, (*place, index)) for index, each in enumerate(node.value)]
            case yaml.ScalarNode():
                return _scalar(node)
            case _:
                raise ValueError(f"line {self.lines[place]}: cannot be read")

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {line}: a key must be a text")  # noqa: TRY004 - wrong text, not wrong use
            if key.value == "<<" and key.style is None:
                raise ValueError(f"line {line}: merge keys are not supported; write the values out")
            if key.value in found:
                raise ValueError(f"line {line}: {shown(key.value)} stands there twice in one mapping")
            self.lines[*place, key.value] = line
            found[key.value] = self.build(value, (*place, key.value))
        return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
