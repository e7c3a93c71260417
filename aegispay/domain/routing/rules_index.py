"""Which rules a payment matches, without asking each of them.

Most rules ask for one of some values of a field: a currency, a country, a tier. For each field that several rules ask
for so, the index knows which rules a value leaves; only rules that every field leaves are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from aegispay.domain.conditions import AllOf, AnyOf, Comparison, Condition, Not, Operator, Subject
from aegispay.domain.conditions import kinds as k
from aegispay.domain.conditions.compiling import compile_condition, typed
from aegispay.domain.conditions.fields import Reader, spec_of

T = TypeVar("T")

_RULES_MIN = 4
"""It takes about as long to look a field up as to ask this many rules."""
_CURRENCY = "currency"


class RuleIndex(Generic[T]):
    """Entries in order, each with its condition; ``None`` stands for every payment."""

    __slots__ = ("_all", "_always", "_entries", "_fields")

    def __init__(self, entries: Sequence[tuple[Condition | None, T]]) -> None:
        self._entries: list[tuple[Callable[[Any], bool] | None, T]] = [
            (None if when is None else compile_condition(when), entry) for when, entry in entries
        ]
        conditions = [when for when, _ in entries]
        self._all = (1 << len(entries)) - 1
        self._always = sum(1 << place for place, when in enumerate(conditions) if when is None)
        self._fields = tuple(found for name in _fields(conditions) if (found := _look_up(name, conditions)) is not None)

    def matching(self, subject: Subject | None) -> Iterator[T]:
        """Yield the entries that match, in order; without a payment only those that match every payment."""
        if subject is None:
            yield from self._asked(self._always, subject)
            return
        left = self._left(subject)
        if left != self._all:
            yield from self._asked(left, subject)
            return
        for matches, entry in self._entries:
            if matches is None or matches(subject):
                yield entry

    def _asked(self, left: int, subject: Subject | None) -> Iterator[T]:
        """Ask those whose bit is set, lowest first."""
        entries = self._entries
        while left:
            lowest = left & -left
            left ^= lowest
            matches, entry = entries[lowest.bit_length() - 1]
            if matches is None or matches(subject):
                yield entry

    def _left(self, subject: Subject) -> int:
        left = self._all
        for read, by_value, others in self._fields:
            left &= by_value.get(read(subject), others)
        return left


def _look_up(field: str, conditions: Sequence[Condition | None]) -> tuple[Reader, dict[Any, int], int] | None:
    """Return how to read the field, which entries each value leaves, and which any other value leaves."""
    needed = [None if when is None else _needed(field, when) for when in conditions]
    if sum(values is not None for values in needed) < _RULES_MIN:
        return None
    others = sum(1 << place for place, values in enumerate(needed) if values is None)
    by_value: dict[Any, int] = {}
    for place, values in enumerate(needed):
        for value in values or ():
            by_value[value] = by_value.get(value, others) | 1 << place
    return _reader(field), by_value, others


def _reader(field: str) -> Reader:
    spec = spec_of(field)
    assert spec is not None, "checked when the rules were built"
    read = spec.read
    assert read is not None, "neither an amount nor a time"
    return (lambda subject: typed(read(subject))) if spec.kind is k.JSON else read


def _fields(conditions: Sequence[Condition | None]) -> list[str]:
    """Return the fields that conditions ask for by value, in the order in which they come."""
    comparisons = [each for when in conditions if when is not None for each in _comparisons(when)]
    return list(dict.fromkeys(_CURRENCY if each.kind is k.MONEY else each.field for each in comparisons))


def _comparisons(condition: Condition) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            if condition.kind is k.MONEY or _is_looked_up(condition):
                yield condition
        case AllOf() | AnyOf():
            for each in condition.conditions:
                yield from _comparisons(each)
        case Not():
            return


def _is_looked_up(comparison: Comparison) -> bool:
    is_time = comparison.field.startswith("time.")
    return comparison.operator in {Operator.EQUALS, Operator.IN} and comparison.kind is not k.MONEY and not is_time


def _needed(field: str, condition: Condition) -> frozenset[Any] | None:
    """Return values of which the field must have one for the condition to match; ``None`` where it may have any."""
    match condition:
        case Comparison():
            return _needed_by(field, condition)
        case AllOf():
            known = [found for each in condition.conditions if (found := _needed(field, each)) is not None]
            return frozenset.intersection(*known) if known else None
        case AnyOf():
            options = [_needed(field, each) for each in condition.conditions]
            known = [found for found in options if found is not None]
            return frozenset[Any]().union(*known) if len(known) == len(options) else None
        case Not():
            return None


def _needed_by(field: str, comparison: Comparison) -> frozenset[Any] | None:
    if comparison.kind is k.MONEY:
        return frozenset({comparison.currency}) if field == _CURRENCY else None
    if comparison.field != field or not _is_looked_up(comparison):
        return None
    operands = comparison.operands
    return frozenset(map(typed, operands) if comparison.kind is k.JSON else operands)
