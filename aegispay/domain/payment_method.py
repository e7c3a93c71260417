"""What a payer pays with: five kinds, tokens only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from aegispay.domain.card_data import refuse_card_keys, shown
from aegispay.domain.text import construct, integer, optional_text, text
from aegispay.errors import FieldError, ValidationError


class PaymentMethodType(StrEnum):
    """The five kinds."""

    CARD = "card"
    UPI = "upi"
    NET_BANKING = "net_banking"
    WALLET = "wallet"
    PAY_LATER = "pay_later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card, known by the token that a gateway or vault gave for it.

    Attributes:
        token: never a card number, which is refused.
        brand, last4, expiry_month, expiry_year: for display and routing.
    """

    type: Literal[PaymentMethodType.CARD] = PaymentMethodType.CARD
    token: str
    brand: str | None = None
    last4: str | None = None
    expiry_month: int | None = None
    expiry_year: int | None = None

    def __post_init__(self) -> None:
        text("payment_method.token", self.token, longest=255)
        optional_text("payment_method.brand", self.brand, longest=32)
        last4 = self.last4
        if last4 is not None and not (
            isinstance(last4, str) and len(last4) == 4 and last4.isdecimal() and last4.isascii()
        ):
            raise ValidationError([FieldError("payment_method.last4", "use exactly four digits")])
        if self.expiry_month is not None:
            integer("payment_method.expiry_month", self.expiry_month, smallest=1, largest=12)
        if self.expiry_year is not None:
            integer("payment_method.expiry_year", self.expiry_year, smallest=2000, largest=2100)

    def __repr__(self) -> str:
        """Show what identifies the card to a person, not the token."""
        return f"<Card {self.brand or 'card'} …{self.last4 or '????'}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upi:
    """A virtual payment address of India's UPI, ``name@bank``."""

    type: Literal[PaymentMethodType.UPI] = PaymentMethodType.UPI
    vpa: str

    def __post_init__(self) -> None:
        text("payment_method.vpa", self.vpa, longest=255)
        name, at, bank = self.vpa.partition("@")
        if not (name and at and bank) or "@" in bank:
            raise ValidationError([FieldError("payment_method.vpa", "use the form name@bank", shown(self.vpa))])

    def __repr__(self) -> str:
        """Show the bank only: the name is personal."""
        return f"<Upi …@{self.vpa.rpartition('@')[2]}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBanking:
    """A transfer through the payer's own bank."""

    type: Literal[PaymentMethodType.NET_BANKING] = PaymentMethodType.NET_BANKING
    bank_code: str
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        text("payment_method.bank_code", self.bank_code, longest=64)
        optional_text("payment_method.token", self.token, longest=255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A wallet such as ``apple_pay`` or ``paypal``."""

    type: Literal[PaymentMethodType.WALLET] = PaymentMethodType.WALLET
    provider: str
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        text("payment_method.provider", self.provider, longest=64)
        optional_text("payment_method.token", self.token, longest=255)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayLater:
    """A provider of instalments such as ``klarna``."""

    type: Literal[PaymentMethodType.PAY_LATER] = PaymentMethodType.PAY_LATER
    provider: str
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        text("payment_method.provider", self.provider, longest=64)
        optional_text("payment_method.token", self.token, longest=255)


PaymentMethod = Annotated[Card | Upi | NetBanking | Wallet | PayLater, Field(discriminator="type")]
"""Any of the five, told apart by ``type``."""

_KINDS: dict[str, type[Card | Upi | NetBanking | Wallet | PayLater]] = {
    "card": Card,
    "upi": Upi,
    "net_banking": NetBanking,
    "wallet": Wallet,
    "pay_later": PayLater,
}


def parse_payment_method(value: object, *, field: str = "payment_method") -> PaymentMethod:
    """Return a payment method from an object or a mapping with a ``type``.

    Raises:
        ValidationError: naming what is wrong.
        CardDataError: card data stands in it.
    """
    if isinstance(value, Card | Upi | NetBanking | Wallet | PayLater):
        return value
    if not isinstance(value, Mapping):
        message = f"use Card, Upi, NetBanking, Wallet, PayLater or a mapping with a type: {', '.join(_KINDS)}"
        raise ValidationError([FieldError(field, message, type(value).__name__)])
    fields: dict[str, Any] = dict(value)
    refuse_card_keys(field, fields, is_method=True)
    kind = fields.pop("type", None)
    made = _KINDS.get(kind) if isinstance(kind, str) else None
    if made is None:
        raise ValidationError([FieldError(f"{field}.type", f"use one of {', '.join(_KINDS)}", shown(kind))])
    return construct(made, fields, field)
