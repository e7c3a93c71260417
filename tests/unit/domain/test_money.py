from decimal import Decimal

import pytest

from aegispay.domain.money import Money, currencies, exponent, parse_amount
from aegispay.errors import CurrencyMismatchError, ValidationError


def test_a_valid_amount_and_currency_are_kept():
    assert Money.of("100.00", "USD") == Money(10_000, "USD")
    assert str(Money.of("100", "USD")) == "100.00 USD"
    assert Money.of(0, "USD").amount_minor == 0


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("5000", "JPY", 5000),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        (19.99, "EUR", 1999),
        (7, "INR", 700),
        (Decimal("0.10"), "USD", 10),
    ],
)
def test_each_currency_has_its_own_exponent(amount, currency, minor):
    assert Money.of(amount, currency).amount_minor == minor


def test_more_decimals_than_the_currency_has_are_an_error_not_a_rounding():
    with pytest.raises(ValidationError, match=r"amount: USD has 2 decimals.*100\.999"):
        Money.of("100.999", "USD")
    with pytest.raises(ValidationError, match="JPY has 0 decimals"):
        Money.of("10.5", "JPY")
    assert Money.of("100.990", "USD").amount_minor == 10_099


@pytest.mark.parametrize(
    "amount",
    [
        "-1",
        "nan",
        "inf",
        "-inf",
        "abc",
        "",
        "1_000",
        "1,000",
        None,
        True,
        [],
        float("nan"),
        float("inf"),
        "1e40",
        10**30,
        "٣",
    ],
)
def test_what_is_no_amount_is_refused_by_name(amount):
    with pytest.raises(ValidationError) as caught:
        Money.of(amount, "USD")
    assert caught.value.errors[0].field == "amount"


def test_a_payment_amount_must_be_more_than_zero():
    with pytest.raises(ValidationError, match="amount: must be more than 0"):
        parse_amount("0.00", "USD")


@pytest.mark.parametrize("currency", ["XYZ", "usd", "XAU", "XXX", "", None, 840])
def test_what_cannot_be_paid_in_is_refused(currency):
    with pytest.raises(ValidationError) as caught:
        exponent(currency)
    assert caught.value.errors[0].field == "currency"


def test_currencies_never_mix_and_both_codes_are_named():
    with pytest.raises(CurrencyMismatchError, match="USD and EUR"):
        Money.of(1, "USD") + Money.of(1, "EUR")
    with pytest.raises(CurrencyMismatchError, match="EUR and USD"):
        assert Money.of(1, "EUR") < Money.of(1, "USD")
    with pytest.raises(CurrencyMismatchError):
        Money.of(1, "EUR") - Money.of(1, "USD")
    assert Money.of(1, "EUR") != Money.of(1, "USD")


def test_subtracting_below_zero_is_refused():
    with pytest.raises(ValidationError, match=r"cannot take 2\.00 USD from 1\.00 USD"):
        Money.of(1, "USD") - Money.of(2, "USD")


def test_operations_leave_their_operands_alone():
    a, b = Money.of("10", "USD"), Money.of("4", "USD")
    assert (a + b, a - b, a * 3, 0 * a) == (
        Money.of(14, "USD"),
        Money.of(6, "USD"),
        Money.of(30, "USD"),
        Money(0, "USD"),
    )
    assert (a, b) == (Money(1_000, "USD"), Money(400, "USD"))


@pytest.mark.parametrize("factor", [0.5, -1, True, "2"])
def test_money_is_multiplied_by_whole_numbers_only(factor):
    with pytest.raises(ValidationError, match="allocate"):
        Money.of(1, "USD") * factor


def test_comparison_and_equality_need_amount_and_currency():
    assert Money.of(1, "USD") < Money.of(2, "USD") <= Money.of(2, "USD")
    assert not Money.of(1, "USD") > Money.of(1, "USD")
    assert Money.of(2, "USD") >= Money.of(1, "USD")


def test_a_split_loses_nothing():
    parts = Money.of("100.00", "USD").allocate([1, 1, 1])
    assert [part.amount_minor for part in parts] == [3334, 3333, 3333]
    assert [part.amount_minor for part in Money(5, "JPY").allocate([0, 1, 1])] == [0, 3, 2]
    with pytest.raises(ValidationError):
        Money(5, "JPY").allocate([0, 0])


def test_minor_units_must_be_a_sane_integer():
    for wrong in (-1, 1.0, "5", True, 10**16):
        with pytest.raises(ValidationError):
            Money(wrong, "USD")


def test_every_listed_currency_can_be_used():
    assert {"USD", "EUR", "GBP", "INR", "AUD", "CAD", "JPY", "KWD"} <= set(currencies())
    assert {exponent(code) for code in currencies()} == {0, 2, 3, 4}
