"""The operators of a comparison."""

from __future__ import annotations

from enum import StrEnum


class Operator(StrEnum):
    """How a field is compared; a field that a payment does not have fits none of them, except ``exists: false``."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    MATCHES = "matches"
    EXISTS = "exists"


EQUALITY = frozenset({Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN})
ORDER = frozenset(
    {Operator.GREATER_THAN, Operator.LESS_THAN, Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN},
)
WORDS = frozenset({Operator.CONTAINS, Operator.MATCHES})
LISTS = frozenset({Operator.IN, Operator.NOT_IN})
"""Their value is a list."""
