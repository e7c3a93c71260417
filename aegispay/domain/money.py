"""Money: integer minor units and an ISO 4217 currency. Exact, or an error; never rounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Self

from iso4217 import Currency as IsoCurrency

from aegispay.domain.card_data import shown
from aegispay.errors import CurrencyMismatchError, FieldError, ValidationError

Amount = str | int | float | Decimal
"""Major units as a caller may write them; a float is taken by its shortest form."""

AMOUNT_MINOR_MAX = 10**15
"""Largest amount: beyond any payment, and safe in 64-bit integers even after sums."""

_EXPONENTS: dict[str, int] = {
    str(currency.code): currency.exponent for currency in IsoCurrency if currency.exponent is not None
}
_EXACT = Context(prec=64, traps=[Inexact])
"""Instead of the host's decimal context, whose precision would round amounts; what is too long for this one raises."""
_NOT_PAYABLE = frozenset(str(currency.code) for currency in IsoCurrency if currency.exponent is None)


def currencies() -> tuple[str, ...]:
    """Return every ISO 4217 code an amount can have, sorted."""
    return tuple(sorted(_EXPONENTS))


def exponent(currency: str) -> int:
    """Return how many decimals the currency has.

    Raises:
        ValidationError: the code is unknown, or names something without minor units, such as gold.
    """
    try:
        return _EXPONENTS[currency]
    except (KeyError, TypeError):
        raise ValidationError([_currency_error(currency)]) from None


def _currency_error(currency: object) -> FieldError:
    if isinstance(currency, str) and currency in _NOT_PAYABLE:
        return FieldError("currency", "has no minor units and cannot be paid in", shown(currency))
    if isinstance(currency, str) and currency.upper() in _EXPONENTS:
        return FieldError("currency", f"write the code in capitals, {currency.upper()}", shown(currency))
    return FieldError("currency", "use an ISO 4217 code such as USD, EUR or JPY", shown(currency))


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency.

    Attributes:
        amount_minor: in the currency's smallest unit; never negative.
        currency: ISO 4217 code.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if type(self.amount_minor) is not int or not 0 <= self.amount_minor <= AMOUNT_MINOR_MAX:
            message = f"use an integer from 0 to {AMOUNT_MINOR_MAX}"
            raise ValidationError([FieldError("amount_minor", message, shown(self.amount_minor))])

    @classmethod
    def of(cls, amount: Decimal | str | float, currency: str) -> Self:
        """Return the money that `amount` major units are.

        Args:
            amount: "100.00", `Decimal`, int (major units) or a float, taken by its shortest form.
            currency: ISO 4217 code.

        Raises:
            ValidationError: not a number, negative, too large, or more decimals than the currency has.
        """
        return cls(_to_minor(amount, currency), currency)

    def __str__(self) -> str:
        """Return for example ``100.00 USD``."""
        return f"{self.to_decimal():f} {self.currency}"

    def __add__(self, other: Money) -> Money:
        self._same_currency(other, "add")
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other, "subtract")
        if other.amount_minor > self.amount_minor:
            raise ValidationError([FieldError("amount", f"cannot take {other} from {self}")])
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, factor: int) -> Money:
        if type(factor) is not int or factor < 0:
            message = "money is multiplied by a whole number; use allocate to split"
            raise ValidationError([FieldError("factor", message, shown(factor))])
        return Money(self.amount_minor * factor, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        self._same_currency(other, "compare")
        return self.amount_minor < other.amount_minor

    def __le__(self, other: Money) -> bool:
        self._same_currency(other, "compare")
        return self.amount_minor <= other.amount_minor

    def __gt__(self, other: Money) -> bool:
        return other < self

    def __ge__(self, other: Money) -> bool:
        return other <= self

    def to_decimal(self) -> Decimal:
        """Return the amount in major units, with all of the currency's decimals."""
        return Decimal(self.amount_minor).scaleb(-_EXPONENTS[self.currency], _EXACT)

    def allocate(self, ratios: Sequence[int]) -> tuple[Money, ...]:
        """Split by whole-number ratios; the parts sum to the whole, the first parts take what does not divide.

        Raises:
            ValidationError: no ratio is positive, or one is negative.
        """
        total = sum(ratios)
        if total <= 0 or any(ratio < 0 for ratio in ratios):
            raise ValidationError(
                [FieldError("ratios", "use whole numbers, at least one above 0", repr(list(ratios))[:60])]
            )
        parts = [self.amount_minor * ratio // total for ratio in ratios]
        payable = [index for index, ratio in enumerate(ratios) if ratio > 0]
        for index in payable[: self.amount_minor - sum(parts)]:
            parts[index] += 1
        return tuple(Money(part, self.currency) for part in parts)

    def _same_currency(self, other: Money, verb: str) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"cannot {verb} {self.currency} and {other.currency}")


def parse_amount(amount: object, currency: str, *, field: str = "amount") -> int:
    """Return a payment's amount in minor units.

    Raises:
        ValidationError: naming `field`: as `Money.of`, and also for zero.
    """
    amount_minor = _to_minor(amount, currency, field)
    if amount_minor == 0:
        raise ValidationError([FieldError(field, "must be more than 0", shown(amount))])
    return amount_minor


@lru_cache(maxsize=4096)
def _minor_of_text(text: str, currency: str, field: str) -> int:
    digits = _EXPONENTS.get(currency)
    if digits is None:
        exponent(currency)
    try:
        major = Decimal(text)
    except InvalidOperation:
        raise ValidationError([FieldError(field, 'use a number such as "100.00"', shown(text))]) from None
    if not major.is_finite():
        raise ValidationError([FieldError(field, "must be a finite number", shown(text))])
    return _scaled(major, currency, field, digits or 0)


def _scaled(major: Decimal, currency: str, field: str, digits: int) -> int:
    if major < 0:
        raise ValidationError([FieldError(field, "must not be negative", shown(major))])
    if major.adjusted() + digits > 15:
        raise ValidationError([FieldError(field, f"must be at most {AMOUNT_MINOR_MAX} minor units", shown(major))])
    try:
        minor = major.scaleb(digits, _EXACT)
    except Inexact:
        raise _too_many_decimals(field, currency, digits, major) from None
    if minor != minor.to_integral_value():
        raise _too_many_decimals(field, currency, digits, major)
    amount_minor = int(minor)
    if amount_minor > AMOUNT_MINOR_MAX:
        raise ValidationError([FieldError(field, f"must be at most {AMOUNT_MINOR_MAX} minor units", shown(major))])
    return amount_minor


def _to_minor(amount: object, currency: str, field: str = "amount") -> int:
    match amount:
        case bool():
            pass
        case str():
            if len(amount) <= 40 and amount.isascii() and "_" not in amount:
                return _minor_of_text(amount, currency, field)
        case int():
            return _minor_of_text(str(amount) if abs(amount) < 10**20 else "1e20", currency, field)
        case float():
            return _minor_of_text(float.__repr__(amount), currency, field)
        case Decimal():
            return _minor_of_text(str(amount), currency, field)
        case _:
            pass
    raise ValidationError([FieldError(field, 'use a number such as "100.00"', shown(amount))])


def _too_many_decimals(field: str, currency: str, digits: int, major: Decimal) -> ValidationError:
    message = f"{currency} has {digits} decimals; write the exact amount, nothing is rounded"
    return ValidationError([FieldError(field, message, shown(major))])
