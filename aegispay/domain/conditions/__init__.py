"""A small language of conditions over payments: typed data, checked when it is built, and no code."""

from __future__ import annotations

from aegispay.domain.conditions.compiling import Matcher, compile_condition
from aegispay.domain.conditions.model import (
    AllOf,
    AnyCondition,
    AnyOf,
    Comparison,
    Condition,
    Not,
    parse_condition,
)
from aegispay.domain.conditions.operators import Operator
from aegispay.domain.conditions.subject import Subject

__all__ = [
    "AllOf",
    "AnyCondition",
    "AnyOf",
    "Comparison",
    "Condition",
    "Matcher",
    "Not",
    "Operator",
    "Subject",
    "compile_condition",
    "parse_condition",
]
