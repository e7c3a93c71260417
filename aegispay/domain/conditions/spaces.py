"""From a comparison to the set of values that fit it."""

from __future__ import annotations

from datetime import date
from typing import Any

from aegispay.domain.conditions import kinds
from aegispay.domain.conditions.compiling import typed
from aegispay.domain.conditions.model import Comparison
from aegispay.domain.conditions.operators import EQUALITY, ORDER, Operator
from aegispay.domain.conditions.sets import Listed, Spans
from aegispay.domain.money import AMOUNT_MINOR_MAX

_BOUNDS = {
    kinds.MONEY.name: (1, AMOUNT_MINOR_MAX),
    kinds.HOUR.name: (0, 23),
    kinds.CLOCK.name: (0, 24 * 60 - 1),
    kinds.DATE.name: (1, date.max.toordinal()),
}
_NEGATED = frozenset({Operator.NOT_EQUALS, Operator.NOT_IN})


def fitting(comparison: Comparison) -> Spans | Listed | None:
    """Return the values that fit, where the field is there; ``None`` when that is no set this can reason about."""
    operator, kind = comparison.operator, comparison.kind
    bounds = _BOUNDS.get(kind.name)
    if bounds is not None:
        return _spans(operator, comparison.operands, *bounds)
    if operator not in EQUALITY:
        return None
    values: tuple[Any, ...] = comparison.operands
    if kind is kinds.JSON:
        values = tuple(map(typed, values))
    return _listed(frozenset(values), kind.options, is_others=operator in _NEGATED)


def anything(comparison: Comparison) -> Spans | Listed:
    """Return every value that the field can have."""
    bounds = _BOUNDS.get(comparison.kind.name)
    if bounds is not None:
        return Spans((bounds,), *bounds)
    return _listed(frozenset(), comparison.kind.options, is_others=True)


def _listed(values: frozenset[Any], options: tuple[str, ...], *, is_others: bool) -> Listed:
    """Where all options are known, "all but these" is a list too."""
    return Listed(frozenset(options) - values) if is_others and options else Listed(values, is_others=is_others)


def _spans(operator: Operator, operands: tuple[int, ...], lowest: int, highest: int) -> Spans:
    first, last = operands[0], operands[-1]
    ordered = {
        Operator.GREATER_THAN: (first + 1, highest),
        Operator.LESS_THAN: (lowest, first - 1),
        Operator.AT_LEAST: (first, highest),
        Operator.AT_MOST: (lowest, first),
        Operator.BETWEEN: (first, last),
    }
    spans = [ordered[operator]] if operator in ORDER else [(each, each) for each in operands]
    found = Spans.of(spans, lowest=lowest, highest=highest)
    return ~found if operator in _NEGATED else found
