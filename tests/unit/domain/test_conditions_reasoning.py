"""What is said about conditions without a payment at hand holds for every payment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay.domain.conditions import compile_condition, parse_condition
from aegispay.domain.conditions.boxes import BOXES_MAX, boxes_of
from aegispay.domain.conditions.sets import Listed, Spans
from tests.unit.domain.random_conditions import CONDITIONS, SUBJECTS

SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4).map(
    lambda pairs: Spans.of(pairs, lowest=0, highest=12)
)
LISTED = st.builds(Listed, st.frozensets(st.integers(0, 4)), is_others=st.booleans())


def numbers(spans: Spans) -> set[int]:
    return {number for low, high in spans.spans for number in range(low, high + 1)}


def some(listed: Listed) -> set[int]:
    """The values as far as 99: there are always values that are not listed."""
    return set(range(100)) - listed.values if listed.is_others else set(listed.values)


@given(SPANS, SPANS)
def test_spans_are_sets_of_whole_numbers(one, other):
    assert numbers(one & other) == numbers(one) & numbers(other)
    assert numbers(~one) == set(range(13)) - numbers(one)
    assert (one <= other) is (numbers(one) <= numbers(other))
    assert one.is_empty is (not numbers(one))
    assert ~~one == one


@given(LISTED, LISTED)
def test_lists_and_their_opposites_are_sets(one, other):
    assert some(one & other) == some(one) & some(other)
    assert some(~one) == set(range(100)) - some(one)
    assert (one <= other) is (some(one) <= some(other))
    assert one.is_empty is (not some(one))


def is_part(one: Any, other: Any) -> bool:
    first, second = boxes_of(one), boxes_of(other)
    assert first is not None
    assert second is not None
    return all(any(box.is_within(each) for each in second) for box in first)


@settings(max_examples=200, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=3), SUBJECTS)
def test_what_is_said_never_to_match_never_does(parts, subject):
    condition = parse_condition({"all": parts})
    if boxes_of(condition) == ():
        assert not compile_condition(condition)(subject)


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, CONDITIONS, SUBJECTS)
def test_what_is_said_to_be_part_of_another_condition_is(one, other, subject):
    wider = parse_condition({"any": [one, other]})
    for part, whole in ((one, other), (other, one), (one, wider)):
        if is_part(part, whole) and compile_condition(part)(subject):
            assert compile_condition(whole)(subject)


@given(CONDITIONS, CONDITIONS)
def test_each_condition_is_part_of_itself_and_of_what_adds_an_alternative(one, other):
    assert is_part(one, one)
    assert is_part(one, parse_condition({"any": [other, one]}))
    assert is_part(parse_condition({"all": [other, one]}), one)


def compare(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, **more}


def usd(operator: str, value: Any) -> dict[str, Any]:
    return compare("amount", operator, value, currency="USD")


US = compare("country", "equals", "US")


@pytest.mark.parametrize(
    "condition",
    [
        {"all": [usd("greater_than", "100"), usd("less_than", "100")]},
        {"all": [usd("greater_than", "100"), usd("less_than", "100.01")]},
        usd("less_than", "0.01"),
        {"all": [usd("at_least", "1"), compare("currency", "equals", "EUR")]},
        {"all": [usd("at_least", "1"), compare("amount", "at_least", "1", currency="EUR")]},
        {"all": [US, {"not": US}]},
        {"all": [US, compare("country", "equals", "DE")]},
        {"all": [US, compare("country", "exists", value=False)]},
        {"all": [US, compare("country", "not_in", ["US", "CA"])]},
        {"not": {"any": [compare("capture", "equals", "manual"), compare("capture", "equals", "automatic")]}},
        {"all": [compare("capture", "not_equals", "manual"), compare("capture", "not_equals", "automatic")]},
        {"all": [compare("card.brand", "equals", "VISA"), compare("card.brand", "in", ["amex"])]},
        {"all": [compare("time.hour", "at_least", 18), compare("time.hour", "less_than", 9)]},
        {"all": [compare("time.of_day", "between", ["09:00", "12:00"]), compare("time.of_day", "at_least", "12:01")]},
        {"all": [compare("metadata.n", "equals", 1), compare("metadata.n", "equals", value=True)]},
        {"all": [compare("metadata.n", "equals", 1), compare("metadata.n", "greater_than", 2)]},
        {"all": [compare("metadata.n", "contains", "a"), {"not": compare("metadata.n", "contains", "a")}]},
        {"all": [compare("customer.id", "in", ["a", "b"]), compare("customer.id", "matches", "c.*")]},
        {"any": [{"all": [US, {"not": US}]}, usd("less_than", "0.01")]},
    ],
)  # fmt: skip
def test_conditions_that_exclude_each_other_are_found(condition):
    assert boxes_of(parse_condition(condition)) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (usd("greater_than", "100"), usd("at_least", "100")),
        (usd("greater_than", "100"), compare("currency", "equals", "USD")),
        (usd("between", ["10", "20"]), usd("between", ["5", "20"])),
        (usd("equals", "15"), usd("between", ["10", "20"])),
        (US, compare("country", "in", ["DE", "US"])),
        (US, compare("country", "not_equals", "DE")),
        (US, compare("country", "exists", value=True)),
        (compare("country", "not_in", ["US", "DE"]), compare("country", "not_equals", "US")),
        (compare("card.brand", "equals", "VISA"), compare("card.brand", "in", ["visa", "amex"])),
        (compare("metadata.n", "equals", 5), compare("metadata.n", "greater_than", 4)),
        (compare("customer.id", "equals", "vip-1"), compare("customer.id", "matches", "vip-.*")),
        ({"all": [US, usd("at_least", "5")]}, US),
        ({"not": {"any": [US, usd("at_least", "5")]}}, {"not": US}),
        (compare("time.hour", "between", [9, 12]), compare("time.hour", "less_than", 13)),
    ],
)
def test_a_condition_that_is_part_of_another_is_found(one, other):
    assert is_part(parse_condition(one), parse_condition(other))
    assert not is_part(parse_condition(other), parse_condition(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (usd("at_least", "100.01"), usd("greater_than", "100")),
        (compare("capture", "not_equals", "manual"), compare("capture", "equals", "automatic")),
        (compare("card.brand", "equals", "VISA"), compare("card.brand", "in", ["visa"])),
        ({"not": {"any": [US, usd("at_least", "5")]}}, {"all": [{"not": US}, {"not": usd("at_least", "5")}]}),
        ({"not": {"not": US}}, US),
    ],
)
def test_two_ways_to_say_the_same_are_seen_to_be_the_same(one, other):
    assert is_part(parse_condition(one), parse_condition(other))
    assert is_part(parse_condition(other), parse_condition(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"not": usd("at_least", "100")}, usd("less_than", "100")),
        ({"not": US}, compare("country", "not_equals", "US")),
        (compare("time.hour", "equals", 9), compare("time.hour", "equals", 9, time_zone="Asia/Tokyo")),
        (usd("at_least", "100"), compare("amount", "at_least", "1", currency="EUR")),
        (compare("customer.id", "contains", "abc"), compare("customer.id", "contains", "b")),
    ],
)
def test_what_is_not_part_or_cannot_be_decided_is_not_said(one, other):
    assert not is_part(parse_condition(one), parse_condition(other))


def test_too_many_alternatives_are_left_undecided():
    pair = [compare("metadata.a", "greater_than", 1), compare("metadata.b", "greater_than", 1)]
    few = [{"any": [compare(f"metadata.k{number}.{name}", "equals", 1) for name in "ab"]} for number in range(7)]
    assert len(boxes_of(parse_condition({"all": few})) or ()) == BOXES_MAX
    assert boxes_of(parse_condition({"all": [*few, {"any": pair}]})) is None
