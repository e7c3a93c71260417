"""Conditions that make no sense are refused when they are built, with the path, the value and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from aegispay.domain.conditions import Comparison, Operator, parse_condition
from aegispay.errors import ValidationError

NO_CONDITION = "use a condition: a mapping with a field, an operator and a value, or with all, any or not"
LUHN = "4242424242424242"


def refused(condition: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        parse_condition(condition, path="when")
    return [str(error) for error in caught.value.errors]


def compare(field: str, operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, **more}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (compare("amount", "at_least", ["1"], currency="USD"),
         "when.value: takes one amount, not a list; a list goes with in or between (got ['1'])"),
        (compare("amount", "at_least", "1.001", currency="USD"),
         "when.value: USD has 2 decimals; write the exact amount, nothing is rounded (got '1.001')"),
        (compare("amount", "at_least", True, currency="USD"), 'when.value: use an amount such as "100.00" (got True)'),
        (compare("amount", "at_least", "-1", currency="USD"), "when.value: must not be negative (got '-1')"),
        (compare("amount", "at_least", float("nan"), currency="USD"), "when.value: must be a finite number (got nan)"),
        (compare("amount", "at_least", "1", currency="usd"),
         "when.currency: use an ISO 4217 code such as USD, EUR or JPY (got 'usd')"),
        (compare("amount", "at_least", "1"), "when: an amount needs its currency, such as USD"),
        (compare("country", "equals", 7), "when.value: use an ISO 3166 code of two capitals such as US (got 7)"),
        (compare("country", "in", ["US", "us"]),
         "when.value[1]: use an ISO 3166 code of two capitals such as US (got 'us')"),
        (compare("country", "greater_than", "US"),
         "when.operator: does not fit country; use one of equals, not_equals, in, not_in (got 'greater_than')"),
        (compare("country", "equals", "US", currency="USD"), "when.currency: country takes none (got 'USD')"),
        (compare("country", "equals", "US", time_zone="UTC"), "when.time_zone: country takes none (got 'UTC')"),
        (compare("method", "equals", "crad"),
         "when.value: use one of card, upi, net_banking, wallet, pay_later; did you mean card? (got 'crad')"),
        (compare("merchant", "exists", True),
         "when.operator: every payment has its merchant; leave this condition out (got 'exists')"),
        (compare("countri", "equals", "US"), "when.field: is not known; did you mean country? (got 'countri')"),
        (compare("brand", "equals", "visa"), "when.field: is not known; did you mean card.brand? (got 'brand')"),
        (compare("metadata", "equals", "x"),
         "when.field: use metadata. and 1 to 8 keys with dots between them, such as metadata.tier (got 'metadata')"),
        (compare("metadata.a.", "equals", "x"),
         "when.field: use metadata. and 1 to 8 keys with dots between them, such as metadata.tier (got 'metadata.a.')"),
        (compare("currency", "equlas", "USD"), "when.operator: is not known; did you mean equals? (got 'equlas')"),
        (compare("time.hour", "equals", 24), "when.value: use a whole hour from 0 to 23 (got 24)"),
        (compare("time.of_day", "equals", "9:30"), "when.value: use a time of day such as \"09:30\" (got '9:30')"),
        (compare("time.date", "equals", "2026-02-30"),
         "when.value: use a date such as \"2027-12-24\" (got '2026-02-30')"),
        (compare("time.hour", "equals", 9, time_zone="Mars/Base"),
         "when.time_zone: use an IANA time zone such as Europe/Berlin (got 'Mars/Base')"),
        (compare("time.hour", "equals", 9, time_zone="../../etc/passwd"),
         "when.time_zone: use an IANA time zone such as Europe/Berlin (got '../../etc/passwd')"),
        (compare("time.of_day", "between", ["22:00", "06:00"]),
         "when.value: has nothing in between; write the lowest value first (got ['22:00', '06:00'])"),
        (compare("time.hour", "between", [1, 2, 3]),
         "when.value: takes a list of two values, the lowest and the highest; both are included (got [1, 2, 3])"),
        (compare("customer.id", "equals", ""), "when.value: use a text of 1 to 256 characters (got '')"),
        (compare("customer.id", "equals", "a\nb"), "when.value: use a text without control characters (got 'a\\nb')"),
        (compare("customer.id", "in", []), "when.value: takes a list of 1 to 1000 values; this one has 0 (got [])"),
        (compare("metadata.n", "at_least", "5"),
         "when.value: takes a number: only numbers are larger or smaller than others (got '5')"),
        (compare("metadata.n", "equals", {"a": 1}),
         "when.value: takes one metadata, not a dict; a list goes with in or between"),
        (compare("metadata.n", "exists", "yes"), "when.value: use true or false (got 'yes')"),
        ({"field": "country", "operator": "equals"}, "when: needs a value"),
        ({"field": "country", "value": "US"}, "when.operator: is missing"),
        ({"field": "country", "operator": "equals", "valeu": "US"},
         "when.valeu: is not known; did you mean value? (got 'US')"),
        ({"all": [], "any": []}, "when: all stands alone; put what stands beside it into a list under all"),
        ({"any": []}, "when.any: must have at least one condition (got [])"),
        ([], f"when: {NO_CONDITION} (got [])"),
        ("amount > 10000", f"when: {NO_CONDITION} (got 'amount > 10000')"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_place_value_and_way_out(condition, said):
    assert refused(condition) == [said]


def test_the_path_leads_through_groups():
    inner = compare("amount", "at_least", [], currency="USD")
    condition = {"all": [compare("country", "equals", "US"), {"not": {"any": [inner]}}]}
    assert refused(condition) == [
        "when.all[1].not.any[0].value: takes one amount, not a list; a list goes with in or between (got [])"
    ]


def test_every_problem_is_told_at_once():
    condition = {"all": [compare("country", "equals", 1), compare("curency", "equals", "USD"), 5]}
    assert [line.split(":")[0] for line in refused(condition)] == [
        "when.all[0].value",
        "when.all[1].field",
        "when.all[2]",
    ]


@pytest.mark.parametrize("value", [LUHN, "4242 4242 4242 4242", int(LUHN)])
@pytest.mark.parametrize("field", ["metadata.note", "customer.name"])
def test_card_numbers_are_refused_and_not_repeated(field, value):
    lines = refused(compare(field, "in", [value]))
    assert len(lines) == 1
    assert lines[0].startswith("when.value[0]: ")
    assert LUHN not in lines[0].replace(" ", "")


def nested(levels: int) -> dict[str, Any]:
    condition = compare("currency", "equals", "USD")
    for _ in range(levels):
        condition = {"not": condition}
    return condition


def test_nesting_is_bounded():
    parse_condition(nested(7))
    assert refused(nested(8)) == ["when: is nested more than 8 levels deep"]
    assert refused(nested(100_000)) == ["when: is nested more than 8 levels deep"]


def test_a_condition_that_contains_itself_is_refused():
    circle: dict[str, Any] = {}
    circle["all"] = [circle]
    assert refused(circle) == ["when: is nested more than 8 levels deep"]


def test_a_condition_that_doubles_at_each_level_is_refused_at_once():
    condition: dict[str, Any] = compare("currency", "equals", "USD")
    for _ in range(7):
        condition = {"any": [condition] * 1_000}
    assert refused(condition) == ["when: has more than 200 parts"]


def test_the_number_of_parts_and_of_listed_values_is_bounded():
    leaf = compare("currency", "equals", "USD")
    parse_condition({"any": [leaf] * 199})
    assert refused({"any": [leaf] * 201}) == ["when: has more than 200 parts"]
    parse_condition(compare("customer.id", "in", ["c"] * 1_000))
    (line,) = refused(compare("customer.id", "in", ["c"] * 1_001))
    assert line.startswith("when.value: takes a list of 1 to 1000 values; this one has 1001")


def test_conditions_built_in_python_are_held_to_the_same_bounds():
    condition = parse_condition(nested(7))
    with pytest.raises(ValidationError, match="nested more than 8 levels deep"):
        parse_condition({"not": {"not": condition}})


def test_a_constructor_refuses_with_the_products_own_error():
    with pytest.raises(ValidationError) as caught:
        Comparison(field="amount", operator=Operator.EQUALS, value="1.00")
    assert str(caught.value) == "condition: an amount needs its currency, such as USD"
    assert "docs/rules.md" in caught.value.hint


def test_a_condition_is_frozen():
    condition = Comparison(field="currency", operator=Operator.EQUALS, value="USD")
    with pytest.raises(Exception, match="frozen"):
        condition.value = "EUR"
