"""Large amounts."""

from __future__ import annotations

from collections.abc import Iterable

from aegispay.domain.money import Money
from aegispay.hooks.contexts import PaymentContext
from aegispay.hooks.ready import ReadyCheck, Then, refused, then_of, verdict
from aegispay.hooks.verdicts import Allow, Block, Review

_SCORE = 0.9


class HighValue(ReadyCheck):
    """Answers for payments above a limit; each currency has a limit of its own, because 10,000 JPY is not 10,000 USD.

    Args:
        *limits: one for each currency, such as ``Money.of("10000", "USD")``; the limit itself is still allowed.
        then: ``block`` or ``review``: the answer above the limit.
        otherwise: the answer for currencies without a limit: ``review`` unless you say ``allow`` or ``block``.

    Raises:
        ConfigurationError: no limit, or two for one currency.
    """

    NAME = "high_value"
    __slots__ = ("_limits", "_otherwise", "_then")

    def __init__(self, *limits: Money, then: Then | str = Then.BLOCK, otherwise: Then | str = Then.REVIEW) -> None:
        self._limits = {limit.currency: limit for limit in _sound(limits)}
        self._then = then_of("high_value.then", then)
        self._otherwise = then_of("high_value.otherwise", otherwise)

    def check(self, context: PaymentContext) -> Allow | Block | Review:
        """Compare the amount with the limit of its currency."""
        money = context.payment.money
        limit = self._limits.get(money.currency)
        if limit is None:
            return verdict(self._otherwise, f"there is no limit for {money.currency}", _SCORE)
        return verdict(self._then, f"{money} is more than {limit}", _SCORE) if money > limit else Allow(score=0.1)


def _sound(limits: Iterable[object]) -> tuple[Money, ...]:
    found = tuple(limit for limit in limits if isinstance(limit, Money))
    if not found or len(found) < len(tuple(limits)) or len({limit.currency for limit in found}) < len(found):
        raise refused("high_value.limits", 'give one Money for each currency, such as Money.of("10000", "USD")')
    return found
