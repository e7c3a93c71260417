"""Conditions: what matches, field by field and operator by operator."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from aegispay.domain.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Not,
    Operator,
    Subject,
    compile_condition,
    parse_condition,
)
from tests import builders as b
from tests.unit.domain.random_conditions import CONDITIONS, DATA, SUBJECTS

GERMANY = {"country": "DE", "city": "Köln", "state": "NRW", "postal_code": "50667"}
ADA = {"id": "C-1", "name": "Ada", "email": "Ada@Example.com", "phone": "+4915112345", "billing_address": GERMANY}
AT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


def matches(condition: dict[str, Any] | Condition, *, at: datetime | None = AT, **changes: Any) -> bool:
    asked = b.request(**({"customer": ADA} | changes))
    return compile_condition(parse_condition(condition))(Subject(asked, at))


def compare(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, **more}


def usd(operator: str, value: Any) -> dict[str, Any]:
    return compare("amount", operator, value, currency="USD")


@pytest.mark.parametrize(
    ("operator", "value", "matching", "others"),
    [
        ("equals", "100.00", ["100.00"], ["99.99", "100.01"]),
        ("not_equals", "100.00", ["99.99", "100.01"], ["100.00"]),
        ("greater_than", "100.00", ["100.01"], ["100.00", "99.99"]),
        ("less_than", "100.00", ["99.99"], ["100.00", "100.01"]),
        ("at_least", "100.00", ["100.00", "100.01"], ["99.99"]),
        ("at_most", "100.00", ["100.00", "99.99"], ["100.01"]),
        ("between", ["10.00", "20.00"], ["10.00", "15", "20.00"], ["9.99", "20.01"]),
        ("in", ["5", "7.00"], ["5.00", "7"], ["6"]),
        ("not_in", ["5", "7.00"], ["6"], ["5.00", "7"]),
        ("greater_than", 10000, ["10000.01", "15000"], ["10000"]),
        ("at_least", Decimal("0.10"), ["0.10"], ["0.09"]),
        ("at_least", 0.1, ["0.10"], ["0.09"]),
    ],
)
def test_an_amount_is_compared_exactly(operator, value, matching, others):
    condition = usd(operator, value)
    assert [each for each in [*matching, *others] if matches(condition, amount=each)] == matching


@pytest.mark.parametrize("operator", ["equals", "not_equals", "greater_than", "less_than", "in", "not_in", "between"])
def test_an_amount_of_another_currency_never_matches(operator):
    value = {"in": ["1"], "not_in": ["1"], "between": ["0", "1000"]}.get(operator, "100.00")
    assert not matches(usd(operator, value), amount="100.00", currency="EUR")
    assert not matches(usd(operator, value), amount="500.00", currency="EUR")


def test_an_amount_is_read_with_the_decimals_of_its_currency():
    assert matches(compare("amount", "at_least", "100", currency="JPY"), amount="100", currency="JPY")
    assert matches(compare("amount", "equals", "1.234", currency="KWD"), amount="1.234", currency="KWD")


@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        ("currency", "USD", "EUR"),
        ("method", "card", "upi"),
        ("country", "DE", "US"),
        ("merchant", "shop-1", "shop"),
        ("capture", "manual", "automatic"),
        ("card.brand", "VISA", "amex"),
        ("customer.id", "C-1", "c-1"),
        ("customer.name", "ADA", "ad"),
        ("customer.email", "ada@example.com", "ada@example.org"),
        ("customer.phone", "+4915112345", "+4915112346"),
        ("customer.billing_address.country", "DE", "FR"),
        ("customer.billing_address.city", "köln", "bonn"),
        ("customer.billing_address.state", "nrw", "by"),
        ("customer.billing_address.postal_code", "50667", "50668"),
        ("metadata.tier", "gold", "Gold"),
        ("metadata.basket.size", 3, 4),
        ("metadata.vip", True, 1),
    ],
)
def test_each_field_is_read_from_the_payment(field, value, other):
    asked = {
        "merchant": "shop-1",
        "capture": "manual",
        "payment_method": {"type": "card", "token": "t", "brand": "Visa"},
        "metadata": {"tier": "gold", "basket": {"size": 3}, "vip": True},
    }
    assert matches(compare(field, "equals", value), **asked)
    assert not matches(compare(field, "not_equals", value), **asked)
    assert matches(compare(field, "not_equals", other), **asked)
    assert matches(compare(field, "in", [other, value]), **asked)
    assert not matches(compare(field, "in", [other]), **asked)
    assert matches(compare(field, "not_in", [other]), **asked)


@pytest.mark.parametrize(
    ("field", "method", "value"),
    [
        ("wallet.provider", {"type": "wallet", "provider": "PayPal"}, "paypal"),
        ("pay_later.provider", {"type": "pay_later", "provider": "klarna"}, "Klarna"),
        ("net_banking.bank_code", {"type": "net_banking", "bank_code": "HDFC"}, "hdfc"),
        ("upi.bank", {"type": "upi", "vpa": "ada@OKBank"}, "okbank"),
    ],
)
def test_what_only_one_method_has_is_missing_from_the_others(field, method, value):
    condition = compare(field, "equals", value)
    assert matches(condition, payment_method=method)
    assert not matches(condition)
    assert not matches(compare(field, "not_equals", "x"))


def test_the_country_is_that_of_the_billing_address_else_of_the_shipping_address():
    french = compare("country", "equals", "FR")
    assert not matches(french, customer={"id": "c", "billing_address": GERMANY, "shipping_address": {"country": "FR"}})
    assert matches(french, customer={"id": "c", "shipping_address": {"country": "FR"}})
    assert not matches(french, customer={"id": "c"})
    assert not matches(french, customer=None)


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("equals", "x"), ("not_equals", "x"), ("in", ["x"]), ("not_in", ["x"]), ("contains", "x"), ("matches", ".*"),
        ("greater_than", 0), ("less_than", 0), ("at_least", 0), ("at_most", 0), ("between", [-9, 9]), ("exists", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("metadata", [{}, {"a": None}, {"a": {"b": None}}, {"a": "text"}, {"a": ["b"]}])
def test_a_missing_field_never_matches_and_never_raises(operator, value, metadata):
    assert not matches(compare("metadata.a.b", operator, value), metadata=metadata)


def test_only_exists_false_and_not_match_what_is_missing():
    assert matches(compare("metadata.a", "exists", value=False), metadata={"b": 1})
    assert not matches(compare("metadata.a", "exists", value=False), metadata={"a": 1})
    assert matches({"field": "metadata.a", "operator": "exists"}, metadata={"a": 1})
    assert matches({"not": compare("metadata.a", "equals", "x")}, metadata={})


def test_metadata_keeps_numbers_texts_and_flags_apart():
    one = {"metadata": {"n": 1}}
    assert matches(compare("metadata.n", "equals", 1.0), **one)
    assert not matches(compare("metadata.n", "equals", value=True), **one)
    assert not matches(compare("metadata.n", "equals", "1"), **one)
    assert not matches(compare("metadata.n", "in", [True, "1"]), **one)
    assert matches(compare("metadata.n", "not_in", [True, "1"]), **one)
    assert not matches(compare("metadata.n", "greater_than", 0), metadata={"n": True})
    assert not matches(compare("metadata.n", "greater_than", 0), metadata={"n": "5"})
    assert matches(compare("metadata.n", "between", [1, 2]), metadata={"n": 1.5})


def test_contains_looks_into_texts_and_lists():
    assert matches(compare("metadata.tags", "contains", "new"), metadata={"tags": ["old", "new"]})
    assert not matches(compare("metadata.tags", "contains", "ne"), metadata={"tags": ["old", "new"]})
    assert not matches(compare("metadata.tags", "contains", value=True), metadata={"tags": [1]})
    assert matches(compare("metadata.note", "contains", "ne"), metadata={"note": "renew"})
    assert not matches(compare("metadata.note", "contains", 5), metadata={"note": "5"})
    assert matches(compare("customer.email", "contains", "@EXAMPLE."))
    assert not matches(compare("customer.id", "contains", "c-"))


@pytest.mark.parametrize(
    ("field", "zone", "value"),
    [
        ("time.hour", None, 23),
        ("time.hour", "Asia/Tokyo", 8),
        ("time.of_day", "Asia/Kolkata", "05:00"),
        ("time.weekday", None, "sunday"),
        ("time.weekday", "Asia/Tokyo", "monday"),
        ("time.date", None, "2026-03-01"),
        ("time.date", "Asia/Tokyo", "2026-03-02"),
        ("time.date", "Asia/Tokyo", date(2026, 3, 2)),
    ],
)
def test_the_time_is_that_of_the_zones_clocks(field, zone, value):
    more = {} if zone is None else {"time_zone": zone}
    assert matches(compare(field, "equals", value, **more))
    assert not matches(compare(field, "not_equals", value, **more))
    assert not matches(compare(field, "equals", value, **more), at=None)


def test_business_hours_follow_daylight_saving():
    hours = compare("time.of_day", "between", ["09:00", "17:59"], time_zone="America/New_York")
    assert not matches(hours, at=datetime(2026, 3, 6, 13, 30, tzinfo=UTC))
    assert matches(hours, at=datetime(2026, 3, 9, 13, 30, tzinfo=UTC))


def test_groups_nest():
    condition = {
        "all": [
            {"any": [compare("currency", "equals", "EUR"), usd("at_least", "100.00")]},
            {"not": {"all": [compare("country", "equals", "DE"), compare("method", "equals", "upi")]}},
        ]
    }
    assert matches(condition)
    assert not matches(condition, amount="99.99")
    assert matches(condition, currency="EUR", amount="1.00")
    assert not matches(condition, payment_method={"type": "upi", "vpa": "a@b"})


def test_conditions_can_be_built_in_python():
    no_country = Not(condition=Comparison(field="country", operator=Operator.EXISTS))
    built = AllOf(conditions=(Comparison(field="currency", operator=Operator.EQUALS, value="USD"), no_country))
    assert built == parse_condition(
        {"all": [compare("currency", "equals", "USD"), {"not": {"field": "country", "operator": "exists"}}]}
    )
    assert matches(built, customer=None)
    assert not matches(built)


@given(DATA)
def test_a_condition_survives_json(data):
    condition = parse_condition(data)
    assert type(condition).model_validate_json(condition.model_dump_json()) == condition
    assert parse_condition(condition.model_dump(mode="json")) == condition
    assert hash(parse_condition(condition.model_dump())) == hash(condition)


@given(CONDITIONS, SUBJECTS)
def test_not_is_the_opposite_and_groups_are_their_parts(condition, subject):
    answer = compile_condition(condition)(subject)
    assert compile_condition(Not.model_validate({"not": condition}))(subject) is not answer
    if isinstance(condition, AllOf):
        assert answer == all(compile_condition(each)(subject) for each in condition.conditions)
    if isinstance(condition, AnyOf):
        assert answer == any(compile_condition(each)(subject) for each in condition.conditions)
