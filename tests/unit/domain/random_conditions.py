"""Conditions and payments at random, from so few values that they meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from aegispay.domain.conditions import Condition, Subject, parse_condition
from tests import builders as b

CURRENCIES = ("USD", "EUR", "JPY")
COUNTRIES = ("US", "DE", "FR")
TIERS = ("gold", "silver")
METHODS: tuple[dict[str, Any], ...] = (
    {"type": "card", "token": "t", "brand": "Visa"},
    {"type": "card", "token": "t", "brand": "amex"},
    {"type": "card", "token": "t"},
    {"type": "wallet", "provider": "paypal"},
    {"type": "upi", "vpa": "name@bank"},
)


def _leaf(field: str, value: st.SearchStrategy[Any], operators: tuple[str, ...], **more: Any) -> st.SearchStrategy[Any]:
    def of(operator: str) -> st.SearchStrategy[Any]:
        given: st.SearchStrategy[Any]
        match operator:
            case "in" | "not_in":
                given = st.lists(value, min_size=1, max_size=3)
            case "between":
                given = st.tuples(value, value).map(lambda pair: sorted(pair, key=float))
            case "exists":
                given = st.booleans()
            case _:
                given = value
        fixed = {"field": st.just(field), "operator": st.just(operator), "value": given}
        return st.fixed_dictionaries(fixed | {name: st.just(each) for name, each in more.items()})

    return st.sampled_from(operators).flatmap(of)


_EQUALITY = ("equals", "not_equals", "in", "not_in")
_ORDER = (*_EQUALITY, "greater_than", "less_than", "at_least", "at_most", "between")
_WORDS = (*_EQUALITY, "contains", "exists")

LEAVES = st.one_of(
    *(_leaf("amount", st.integers(0, 6).map(str), _ORDER, currency=currency) for currency in CURRENCIES),
    _leaf("currency", st.sampled_from(CURRENCIES), _EQUALITY),
    _leaf("method", st.sampled_from(["card", "wallet", "upi", "pay_later"]), _EQUALITY),
    _leaf("capture", st.sampled_from(["automatic", "manual"]), _EQUALITY),
    _leaf("country", st.sampled_from(COUNTRIES), (*_EQUALITY, "exists")),
    _leaf("card.brand", st.sampled_from(["visa", "AMEX", "a"]), _WORDS),
    _leaf("customer.id", st.sampled_from(["c1", "c2", "c"]), _WORDS),
    _leaf("metadata.tier", st.sampled_from(TIERS), _WORDS),
    _leaf("metadata.size", st.sampled_from([0, 1, 2]), (*_ORDER, "exists")),
    _leaf("metadata.size", st.sampled_from([True, 1, "1", 1.5]), _EQUALITY),
    _leaf("time.hour", st.integers(0, 23), _ORDER),
    _leaf("time.weekday", st.sampled_from(["monday", "sunday"]), _EQUALITY, time_zone="Asia/Tokyo"),
)

DATA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)

CONDITIONS: st.SearchStrategy[Condition] = DATA.map(parse_condition)


def _subject(hours: int | None, **asked: Any) -> Subject:
    at = None if hours is None else datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hours)
    return Subject(b.request(**asked), at)


_ADDRESSES = st.sampled_from([None, *({"country": country} for country in COUNTRIES)])
_CUSTOMERS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"id": st.sampled_from(["c1", "c2"])}, optional={"billing_address": _ADDRESSES, "shipping_address": _ADDRESSES}
    ),
)
_METADATA = st.fixed_dictionaries(
    {},
    optional={
        "tier": st.sampled_from([*TIERS, None, ["gold", "x"], "golden"]),
        "size": st.sampled_from([0, 1, 1.5, 2, 3, True, False, "1", None, {"a": 1}, [1]]),
    },
)
SUBJECTS = st.builds(
    _subject,
    st.one_of(st.none(), st.integers(0, 200)),
    amount=st.integers(1, 7).map(str),
    currency=st.sampled_from(CURRENCIES),
    payment_method=st.sampled_from(METHODS),
    customer=_CUSTOMERS,
    metadata=_METADATA,
    capture=st.sampled_from(["automatic", "manual"]),
)
