"""What callers want, drawn from a seed: orders with every kind of token, and what becomes of them afterwards."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_TOKENS = {
    "tok_visa": 40,
    "tok_declined": 4,
    "tok_soft_declined": 6,
    "tok_insufficient_funds": 2,
    "tok_requires_action": 8,
    "tok_pending": 3,
    "tok_partial": 3,
    "tok_refuse_connection": 4,
    "tok_rate_limit": 2,
    "tok_bad_credentials": 2,
    "tok_hang_before_charge": 4,
    "tok_hang_after_charge": 6,
    "tok_error_before_charge": 5,
    "tok_error_after_charge": 6,
    "tok_raise_before_charge": 4,
    "tok_raise_after_charge": 6,
    "tok_garbage_after_charge": 5,
    "tok_wrong_amount": 2,
}
_CURRENCIES = (("USD", 2), ("JPY", 0), ("KWD", 3), ("EUR", 2))


@dataclass(frozen=True)
class Wish:
    """What a merchant wants of a payment: "capture", "refund" or "cancel".

    Attributes:
        after_s: when, counted from the order.
        amount: major units; ``None`` for all that is left.
    """

    kind: str
    key: str | None
    after_s: float
    amount: str | None = None
    is_final: bool = True


@dataclass(frozen=True)
class Order:
    """One caller's wish.

    Attributes:
        at_s: when the caller comes.
        is_two_steps: create and process apart, instead of pay.
        is_created_only: never processed.
        leaves_after_s: when the caller stops waiting; ``None`` for never.
        conflicts: whether it uses the key of another order for something else.
        wishes: what its caller wants of the payment then.
    """

    fields: dict[str, Any]
    at_s: float
    is_two_steps: bool
    is_created_only: bool
    leaves_after_s: float | None
    conflicts: bool = False
    wishes: tuple[Wish, ...] = ()

    @property
    def key(self) -> str:
        key: str = self.fields["idempotency_key"]
        return key


def draw_orders(draw: random.Random, over_s: float) -> list[Order]:
    orders: list[Order] = []
    for number in range(draw.randint(20, 60)):
        fields = _fields(draw, f"order-{number}")
        first = _order(draw, fields, draw.uniform(0, over_s), wishes=_wishes(draw, fields))
        orders.append(first)
        for _ in range(draw.choice((0, 0, 0, 1, 2))):
            later_s = first.at_s + draw.choice((0.0, draw.uniform(0, 2), draw.uniform(0, 40)))
            orders.append(_order(draw, first.fields, later_s))
        if draw.random() < 0.1:
            other = first.fields | {"amount": str(int(float(first.fields["amount"])) + 1)}
            orders.append(_order(draw, other, first.at_s + draw.uniform(0, 40), conflicts=True))
    return orders


def _order(
    draw: random.Random,
    fields: dict[str, Any],
    at_s: float,
    *,
    conflicts: bool = False,
    wishes: tuple[Wish, ...] = (),
) -> Order:
    return Order(
        fields=fields,
        at_s=at_s,
        is_two_steps=draw.random() < 0.3,
        is_created_only=draw.random() < 0.05,
        leaves_after_s=draw.uniform(0, 5) if draw.random() < 0.1 else None,
        conflicts=conflicts,
        wishes=wishes,
    )


def _fields(draw: random.Random, key: str) -> dict[str, Any]:
    currency, decimals = draw.choice(_CURRENCIES)
    token = draw.choices(tuple(_TOKENS), tuple(_TOKENS.values()))[0]
    amount = f"{draw.randint(1, 90_000) / 10**decimals:.{decimals}f}"
    return {
        "idempotency_key": key,
        "amount": amount,
        "currency": currency,
        "payment_method": _method(draw, token),
        "customer": {"id": f"customer-{draw.randint(1, 9)}"} if draw.random() < 0.5 else None,
        "capture": "manual" if draw.random() < 0.5 else "automatic",
    }


def _method(draw: random.Random, token: str) -> dict[str, Any]:
    return draw.choice(
        (
            {"type": "card", "token": token, "brand": "visa", "last4": "4242"},
            {"type": "upi", "vpa": f"{token.removeprefix('tok_')}@bank"},
            {"type": "net_banking", "bank_code": "HDFC", "token": token},
            {"type": "wallet", "provider": "paypal", "token": token},
            {"type": "pay_later", "provider": "klarna", "token": token},
        )
    )


def _wishes(draw: random.Random, fields: dict[str, Any]) -> tuple[Wish, ...]:
    """Return captures and refunds that fit or do not, some of them said twice, and a cancel at any moment."""
    wishes: list[Wish] = []
    if fields["capture"] == "manual" and draw.random() < 0.8:
        wishes += _captures(draw, fields["amount"])
    if draw.random() < 0.5:
        refunds = [_wish(draw, "refund", number, fields["amount"], 40.0) for number in range(draw.randint(1, 4))]
        wishes += refunds
    wishes += [draw.choice(wishes) for _ in range(draw.choice((0, 1, 2))) if wishes]
    if draw.random() < 0.3:
        key = draw.choice((None, "enough"))
        beside = [wish.after_s for wish in wishes] or [0.0]
        wishes.append(Wish("cancel", key, draw.choice((0.0, draw.uniform(0, 4), *(draw.choice(beside),) * 3))))
    return tuple(wishes)


def _captures(draw: random.Random, amount: str) -> list[Wish]:
    if draw.random() < 0.4:
        return [Wish("capture", "all", draw.uniform(0, 20), None)]
    number = draw.randint(1, 3)
    parts = [_wish(draw, "capture", each, amount, 20.0, is_final=False) for each in range(number)]
    return [*parts, _wish(draw, "capture", number, amount, 40.0)]


def _wish(draw: random.Random, kind: str, number: int, amount: str, within_s: float, *, is_final: bool = True) -> Wish:
    percent = draw.choice((None, 10, 30, 30, 50, 100))
    part = None if percent is None else _part(amount, percent)
    return Wish(kind, f"{kind}-{number}", draw.choice((5.0, draw.uniform(0, within_s))), part, is_final)


def _part(amount: str, percent: int) -> str:
    whole = Decimal(amount)
    smallest = Decimal(1).scaleb(int(whole.as_tuple().exponent))
    return str(max(smallest, (whole * percent / 100).quantize(smallest)))
