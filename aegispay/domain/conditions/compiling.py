"""From a condition to a function that answers whether a payment matches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from aegispay.domain.conditions.fields import Reader, amount_reader, spec_of, time_reader
from aegispay.domain.conditions.kinds import FOLDED, JSON, MONEY
from aegispay.domain.conditions.model import AllOf, AnyOf, Comparison, Condition, Not
from aegispay.domain.conditions.operators import Operator
from aegispay.domain.conditions.pattern import Pattern
from aegispay.domain.conditions.subject import Subject

Matcher = Callable[[Subject], bool]


def compile_condition(condition: Condition) -> Matcher:
    """Return a pure function that never raises: whether a payment matches."""
    match condition:
        case Comparison():
            return _comparison(condition)
        case AllOf():
            return _all([compile_condition(each) for each in condition.conditions])
        case AnyOf():
            return _any([compile_condition(each) for each in condition.conditions])
        case Not():
            inner = compile_condition(condition.condition)
            return lambda subject: not inner(subject)


def _all(parts: list[Matcher]) -> Matcher:
    def matches(subject: Subject) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the comparisons
            if not part(subject):
                return False
        return True

    return parts[0] if len(parts) == 1 else matches


def _any(parts: list[Matcher]) -> Matcher:
    def matches(subject: Subject) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the comparisons
            if part(subject):
                return True
        return False

    return parts[0] if len(parts) == 1 else matches


def reader_of(comparison: Comparison) -> Reader:
    """Return how the field of a comparison is read."""
    if comparison.kind is MONEY:
        return amount_reader(comparison.currency or "")
    if comparison.field.startswith("time."):
        return time_reader(comparison.field, ZoneInfo(comparison.time_zone or "UTC"))
    spec = spec_of(comparison.field)
    assert spec is not None, "checked when it was built"
    assert spec.read is not None, "every other field is read the same way always"
    return spec.read


def _comparison(comparison: Comparison) -> Matcher:
    return _matcher(comparison, reader_of(comparison))


def test_of(comparison: Comparison) -> Callable[[Any], bool]:
    """Return the test of a value as it is read; ``None`` stands for a field that is missing."""
    return _matcher(comparison, lambda value: value)


def _matcher(comparison: Comparison, read: Callable[[Any], Any]) -> Callable[[Any], bool]:
    operator, operands = comparison.operator, comparison.operands
    if operator is Operator.EXISTS:
        wanted = comparison.value
        return lambda subject: (read(subject) is not None) is wanted
    if operator is Operator.MATCHES:
        pattern = Pattern(operands[0], is_folded=comparison.kind is FOLDED)
        return lambda subject: isinstance(value := read(subject), str) and pattern.matches(value)
    if comparison.kind is JSON:
        return _json(operator, operands, read)
    return _plain(operator, operands, read)


def _plain(operator: Operator, operands: tuple[Any, ...], read: Callable[[Any], Any]) -> Callable[[Any], bool]:
    # The reading stands in each of them: one call less for every rule of every payment.
    first, last, listed = operands[0], operands[-1], frozenset(operands)
    matchers: dict[Operator, Callable[[Any], bool]] = {
        Operator.EQUALS: lambda subject: read(subject) == first,
        Operator.IN: lambda subject: read(subject) in listed,
        Operator.NOT_EQUALS: lambda subject: (value := read(subject)) is not None and value != first,
        Operator.NOT_IN: lambda subject: (value := read(subject)) is not None and value not in listed,
        Operator.GREATER_THAN: lambda subject: (value := read(subject)) is not None and value > first,
        Operator.LESS_THAN: lambda subject: (value := read(subject)) is not None and value < first,
        Operator.AT_LEAST: lambda subject: (value := read(subject)) is not None and value >= first,
        Operator.AT_MOST: lambda subject: (value := read(subject)) is not None and value <= first,
        Operator.BETWEEN: lambda subject: (value := read(subject)) is not None and first <= value <= last,
        Operator.CONTAINS: lambda subject: (value := read(subject)) is not None and first in value,
    }
    return matchers[operator]


def _json(operator: Operator, operands: tuple[Any, ...], read: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """Compare what merchants attach: true is not 1, a text is no number, and what is of another type does not fit."""
    first, last, listed = operands[0], operands[-1], frozenset(map(typed, operands))
    wanted = typed(first)
    matchers: dict[Operator, Callable[[Any], bool]] = {
        Operator.EQUALS: lambda subject: typed(read(subject)) in listed,
        Operator.IN: lambda subject: typed(read(subject)) in listed,
        Operator.NOT_EQUALS: lambda subject: (value := read(subject)) is not None and typed(value) not in listed,
        Operator.NOT_IN: lambda subject: (value := read(subject)) is not None and typed(value) not in listed,
        Operator.GREATER_THAN: lambda subject: type(value := read(subject)) in _NUMBERS and value > first,
        Operator.LESS_THAN: lambda subject: type(value := read(subject)) in _NUMBERS and value < first,
        Operator.AT_LEAST: lambda subject: type(value := read(subject)) in _NUMBERS and value >= first,
        Operator.AT_MOST: lambda subject: type(value := read(subject)) in _NUMBERS and value <= first,
        Operator.BETWEEN: lambda subject: type(value := read(subject)) in _NUMBERS and first <= value <= last,
        Operator.CONTAINS: lambda subject: _contains(read(subject), wanted),
    }
    return matchers[operator]


_NUMBERS = frozenset({int, float})
"""Not bool, which is one of them to Python and none to a merchant."""


def typed(value: Any) -> tuple[str, Any]:
    """Return a value of metadata with its type, so that what is equal is of one type too."""
    match value:
        case bool():
            return "flag", value
        case int() | float():
            return "number", value
        case str():
            return "text", value
        case _:
            return "other", None


def _contains(value: Any, wanted: tuple[str, Any]) -> bool:
    if isinstance(value, str):
        return wanted[0] == "text" and wanted[1] in value
    return isinstance(value, list) and any(typed(each) == wanted for each in value)
