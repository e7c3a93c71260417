"""What the merchant does with each payment: drawn from a seed, repeatable to the letter by the next process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

GATEWAYS = ("alpha", "beta")
_DECLINED = ("tok_declined", "tok_insufficient_funds", "tok_soft_declined", "tok_lost_card")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing asked for after the charge; amounts in minor units, ``None`` for all that is left."""

    do: str
    key: str
    amount_minor: int | None = None
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """One payment and what follows it.

    Attributes:
        at_once: whether the steps are asked for together rather than one after the other.
        challenge: what the payer does when he is asked, if he is.
        is_hurried: whether the cancel comes while the charge is still under way.
    """

    number: int
    amount_minor: int
    token: str
    is_manual: bool = False
    steps: tuple[Step, ...] = ()
    at_once: bool = False
    challenge: str | None = None
    is_hurried: bool = False

    @property
    def key(self) -> str:
        return f"order-{self.number}"

    def fields(self) -> Any:
        return {
            "idempotency_key": self.key,
            "amount": f"{self.amount_minor // 100}.{self.amount_minor % 100:02d}",
            "currency": "USD",
            "payment_method": {"type": "card", "token": self.token},
            "capture": "manual" if self.is_manual else "automatic",
        }


def make_order(seed: int, number: int) -> Order:
    source = random.Random(f"{seed}/{number}")
    amount_minor = source.randrange(300, 20_000)
    make = source.choices(
        (
            _refunds,
            _too_many_refunds,
            _captured,
            _captured_in_parts,
            _voided,
            _race,
            _hurried,
            _challenged,
            _partial,
            _declined,
        ),
        weights=(30, 8, 14, 10, 8, 6, 6, 6, 4, 8),
    )[0]
    return make(source, number, amount_minor)


def _refunds(source: random.Random, number: int, amount_minor: int) -> Order:
    parts = [amount_minor // 4] * source.randrange(4)
    steps = [Step("refund", f"r{index}", part) for index, part in enumerate(parts)]
    if source.random() < 0.3:
        steps.append(Step("refund", "rest"))
    return Order(number, amount_minor, "tok_visa", steps=tuple(steps))


def _too_many_refunds(source: random.Random, number: int, amount_minor: int) -> Order:
    steps = tuple(Step("refund", f"r{index}", amount_minor // 3) for index in range(source.randrange(4, 9)))
    return Order(number, amount_minor, "tok_visa", steps=steps, at_once=True)


def _captured(source: random.Random, number: int, amount_minor: int) -> Order:
    captured_minor = amount_minor if source.random() < 0.5 else amount_minor * 2 // 3
    steps = [Step("capture", "c", captured_minor)]
    if source.random() < 0.5:
        steps.append(Step("refund", "r", captured_minor // 2))
    return Order(number, amount_minor, "tok_visa", is_manual=True, steps=tuple(steps))


def _captured_in_parts(source: random.Random, number: int, amount_minor: int) -> Order:
    steps = [Step("capture", f"c{index}", amount_minor // 4, is_final=False) for index in range(source.randrange(1, 4))]
    steps.append(source.choice((Step("capture", "rest"), Step("cancel", "x"))))
    return Order(number, amount_minor, "tok_visa", is_manual=True, steps=tuple(steps))


def _voided(_source: random.Random, number: int, amount_minor: int) -> Order:
    return Order(number, amount_minor, "tok_visa", is_manual=True, steps=(Step("cancel", "x"),))


def _race(_source: random.Random, number: int, amount_minor: int) -> Order:
    steps = (Step("capture", "c"), Step("cancel", "x"))
    return Order(number, amount_minor, "tok_visa", is_manual=True, steps=steps, at_once=True)


def _hurried(source: random.Random, number: int, amount_minor: int) -> Order:
    is_manual = source.random() < 0.5
    return Order(number, amount_minor, "tok_visa", is_manual=is_manual, steps=(Step("cancel", "x"),), is_hurried=True)


def _challenged(source: random.Random, number: int, amount_minor: int) -> Order:
    challenge = source.choices(("pass", "fail"), weights=(3, 1))[0]
    steps = (Step("refund", "r", amount_minor // 2),)
    return Order(number, amount_minor, "tok_requires_action", steps=steps, challenge=challenge)


def _partial(source: random.Random, number: int, amount_minor: int) -> Order:
    step = source.choice((Step("capture", "c"), Step("cancel", "x")))
    return Order(number, amount_minor, "tok_partial", is_manual=True, steps=(step,))


def _declined(source: random.Random, number: int, amount_minor: int) -> Order:
    return Order(number, amount_minor, source.choice(_DECLINED), is_manual=source.random() < 0.3)
