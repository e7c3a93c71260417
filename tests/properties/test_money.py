"""Money over all currencies: what goes in comes out, a split loses nothing, and nothing around it can round."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.money import AMOUNT_MINOR_MAX, Money, currencies, exponent
from aegispay.errors import ValidationError

CODES = st.sampled_from(currencies())
AMOUNTS = st.integers(0, AMOUNT_MINOR_MAX)
MONEY = st.builds(Money, AMOUNTS, CODES)
# A float has 53 bits: beyond them, two amounts share one float, and none of them is what was meant.
SMALL = st.builds(Money, st.integers(0, 10**13), CODES)


@given(MONEY)
def test_text_and_decimal_round_trip_in_every_currency(money):
    text, _, currency = str(money).partition(" ")
    assert Money.of(text, currency) == money
    assert Money.of(money.to_decimal(), currency) == money
    assert -money.to_decimal().as_tuple().exponent == exponent(currency)


@given(SMALL)
def test_the_shortest_float_round_trips_in_every_currency(money):
    assert Money.of(float(money.to_decimal()), money.currency) == money


@given(st.integers(0, 10**11), CODES)
def test_whole_numbers_are_major_units(major, currency):
    money = Money.of(major, currency)
    assert money.amount_minor == major * 10 ** exponent(currency)
    assert Money.of(str(major), currency) == money


@given(MONEY, st.integers(1, 20))
def test_zeros_at_the_end_and_another_way_of_writing_make_no_difference(money, zeros):
    text = f"{money.to_decimal():f}"
    padded = (text if "." in text else f"{text}.") + "0" * zeros
    assert Money.of(padded, money.currency) == money
    assert Money.of(f"{money.to_decimal():e}", money.currency) == money


@given(MONEY, st.integers(1, 9), st.integers(0, 20))
def test_any_digit_beyond_the_currencys_decimals_is_refused(money, digit, zeros):
    text = f"{money.to_decimal():f}"
    with pytest.raises(ValidationError):
        Money.of((text if "." in text else f"{text}.") + "0" * zeros + str(digit), money.currency)


@given(MONEY, st.integers(1, 12), st.sampled_from([decimal.ROUND_DOWN, decimal.ROUND_UP, decimal.ROUND_HALF_EVEN]))
def test_the_hosts_decimal_context_changes_no_amount(money, precision, rounding):
    text = f"{money.to_decimal():f}"
    with decimal.localcontext(prec=precision, rounding=rounding):
        assert Money.of(text, money.currency) == money
        assert Money.of(Decimal(text), money.currency) == money
        assert str(money) == f"{text} {money.currency}"


@given(MONEY, st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_a_split_sums_to_the_whole_and_each_part_is_fair(money, ratios):
    parts = money.allocate(ratios)
    assert sum(part.amount_minor for part in parts) == money.amount_minor
    total = sum(ratios)
    for part, ratio in zip(parts, ratios, strict=True):
        exact = money.amount_minor * ratio / total
        assert abs(part.amount_minor - exact) <= 1 + 1e-9 * exact
        assert ratio or part.amount_minor == 0


@given(MONEY, st.data())
def test_adding_and_subtracting_undo_each_other(money, data):
    part = Money(data.draw(st.integers(0, money.amount_minor)), money.currency)
    assert money - part + part == money
    assert (part <= money) is (part.amount_minor <= money.amount_minor)
