"""Where the payer is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aegispay.domain.conditions.subject import Subject, country_of
from aegispay.hooks.contexts import PaymentContext
from aegispay.hooks.ready import ReadyCheck, Then, refused, then_of, verdict
from aegispay.hooks.verdicts import Allow, Block, Review

_COUNTRY = re.compile(r"[A-Z]{2}")


class Geography(ReadyCheck):
    """Answers for payers from countries that are blocked, or not among those allowed.

    The country is that of the billing address, else of the shipping address.

    Args:
        blocked: ISO 3166-1 alpha-2 codes.
        allowed: if given, all others are blocked.
        then: ``block`` or ``review``: the answer where a country is not fine.
        unknown: the answer where there is no address: ``allow`` unless you say ``review`` or ``block``.

    Raises:
        ConfigurationError: a code is none, or neither list is given.
    """

    NAME = "geography"
    __slots__ = ("_allowed", "_blocked", "_then", "_unknown")

    def __init__(
        self,
        *,
        blocked: Iterable[str] = (),
        allowed: Iterable[str] | None = None,
        then: Then | str = Then.BLOCK,
        unknown: Then | str = Then.ALLOW,
    ) -> None:
        self._blocked = _countries("blocked", blocked)
        self._allowed = None if allowed is None else _countries("allowed", allowed)
        if not self._blocked and not self._allowed:
            raise refused("geography.blocked", "say which countries are blocked, or which are allowed")
        self._then = then_of("geography.then", then)
        self._unknown = then_of("geography.unknown", unknown)

    def check(self, context: PaymentContext) -> Allow | Block | Review:
        """Look the country up in the lists."""
        country = country_of(Subject(context.request))
        if country is None:
            return verdict(self._unknown, "the payer's country is not known", 0.5)
        is_fine = country not in self._blocked and (self._allowed is None or country in self._allowed)
        return Allow() if is_fine else verdict(self._then, f"payers from {country} are not served", 1.0)


def _countries(field: str, given: Iterable[str]) -> frozenset[str]:
    codes = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(code, str) and _COUNTRY.fullmatch(code) for code in codes):
        raise refused(f"geography.{field}", "use ISO 3166 codes of two capitals such as US")
    return frozenset(codes)
