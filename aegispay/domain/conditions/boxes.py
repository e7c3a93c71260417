"""Conditions as unions of boxes, to decide whether one can ever match, and whether one is part of another.

What is said here is true of every payment; what cannot be decided is not said. Patterns, ``contains`` and orders of
metadata are compared by their wording only, or tried on the values where these are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from aegispay.domain.conditions import kinds
from aegispay.domain.conditions.compiling import test_of
from aegispay.domain.conditions.fields import spec_of
from aegispay.domain.conditions.model import AllOf, AnyOf, Comparison, Condition, Not
from aegispay.domain.conditions.operators import Operator
from aegispay.domain.conditions.sets import Listed, Spans
from aegispay.domain.conditions.spaces import anything, fitting

BOXES_MAX = 128
"""Boxes of one condition: alternatives within alternatives multiply."""

Axis = tuple[str, str]
"""A field, and the currency or the time zone in which it is read."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a field may be: one of some values, or missing."""

    values: Spans | Listed
    may_be_missing: bool

    def __and__(self, other: Range) -> Range:
        """Return what is in both; both are of the same field, so that their values are of one kind."""
        values: Any = self.values
        return Range(values & other.values, self.may_be_missing and other.may_be_missing)

    def __le__(self, other: Range) -> bool:
        """Return whether it is part of the other."""
        values: Any = self.values
        return values <= other.values and (other.may_be_missing or not self.may_be_missing)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return self.values.is_empty and not self.may_be_missing


@dataclass(frozen=True, slots=True)
class Wording:
    """A comparison that is known by its wording only, or its opposite."""

    comparison: Comparison
    is_opposite: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """Payments whose fields are all within their ranges and that fit all wordings."""

    ranges: Mapping[Axis, Range]
    wordings: frozenset[Wording] = frozenset()

    def __and__(self, other: Box) -> Box:
        """Return the payments that are in both."""
        ranges = dict(self.ranges)
        for axis, found in other.ranges.items():
            ranges[axis] = ranges[axis] & found if axis in ranges else found
        return Box(ranges, self.wordings | other.wordings)

    @property
    def is_empty(self) -> bool:
        """Whether surely no payment is in it."""
        if any(found.is_empty for found in self.ranges.values()):
            return True
        if any(Wording(each.comparison, not each.is_opposite) in self.wordings for each in self.wordings):
            return True
        return any(self._settles(each) is False for each in self.wordings)

    def is_within(self, other: Box) -> bool:
        """Return whether surely every payment in it is in the other."""
        return all(axis in self.ranges and self.ranges[axis] <= found for axis, found in other.ranges.items()) and all(
            each in self.wordings or self._settles(each) is True for each in other.wordings
        )

    def _settles(self, wording: Wording) -> bool | None:
        """Try a wording on the values that the field may have here: true, false, or it depends."""
        found = self.ranges.get(axis_of(wording.comparison))
        if found is None or not isinstance(found.values, Listed) or found.values.is_others:
            return None
        fits = test_of(wording.comparison)
        is_json = wording.comparison.kind is kinds.JSON
        answers = {fits(value[1] if is_json else value) is not wording.is_opposite for value in found.values.values}
        if found.may_be_missing:
            answers.add(wording.is_opposite)
        return answers.pop() if len(answers) == 1 else None


def axis_of(comparison: Comparison) -> Axis:
    """Return what a comparison reads."""
    zone = (comparison.time_zone or "UTC") if comparison.field.startswith("time.") else ""
    return comparison.field, comparison.currency or zone


def boxes_of(condition: Condition | None) -> tuple[Box, ...] | None:
    """Return boxes that together are the condition; those that are surely empty are left out.

    ``None`` stands for no condition, which is every payment. The answer is ``None`` where there are too many boxes.
    """
    if condition is None:
        return (Box({}),)
    try:
        return tuple(_boxes(condition, is_opposite=False))
    except _TooManyError:
        return None


class _TooManyError(Exception):
    """A condition has more boxes than is sensible to look at."""


def _boxes(condition: Condition, *, is_opposite: bool) -> list[Box]:
    match condition:
        case Comparison():
            return _kept([_box(condition, is_opposite=is_opposite)])
        case Not():
            return _boxes(condition.condition, is_opposite=not is_opposite)
        case AllOf() | AnyOf():
            parts = [_boxes(each, is_opposite=is_opposite) for each in condition.conditions]
            is_union = isinstance(condition, AnyOf) is not is_opposite
            return _kept(box for part in parts for box in part) if is_union else _crossed(parts)


def _crossed(parts: list[list[Box]]) -> list[Box]:
    found = parts[0]
    for part in parts[1:]:
        if len(found) * len(part) > BOXES_MAX * BOXES_MAX:
            raise _TooManyError
        found = _kept(one & other for one, other in product(found, part))
    return found


def _kept(boxes: Iterable[Box]) -> list[Box]:
    found = [box for box in boxes if not box.is_empty]
    if len(found) > BOXES_MAX:
        raise _TooManyError
    return found


def _box(comparison: Comparison, *, is_opposite: bool) -> Box:
    axis, spec = axis_of(comparison), spec_of(comparison.field)
    assert spec is not None, "checked when it was built"
    # Without the time of the decision no time is there.
    may_be_missing = not spec.is_always_there or comparison.kind is kinds.MONEY or axis[0].startswith("time.")
    there, missing = anything(comparison), Listed(frozenset())
    if comparison.operator is Operator.EXISTS:
        is_there = comparison.value is not is_opposite
        return Box({axis: Range(there, may_be_missing=False) if is_there else Range(missing, may_be_missing=True)})
    values = fitting(comparison)
    if values is None:
        wording = frozenset({Wording(comparison, is_opposite)})
        return Box({} if is_opposite else {axis: Range(there, may_be_missing=False)}, wording)
    found = Range(_others(there, values), may_be_missing) if is_opposite else Range(values, may_be_missing=False)
    return Box({axis: found, **_of_currency(comparison)} if not is_opposite else {axis: found})


def _others(there: Any, values: Any) -> Any:
    return there & ~values


def _of_currency(comparison: Comparison) -> dict[Axis, Range]:
    """An amount fits payments of its currency only."""
    if comparison.kind is not kinds.MONEY:
        return {}
    return {("currency", ""): Range(Listed(frozenset({comparison.currency})), may_be_missing=False)}
