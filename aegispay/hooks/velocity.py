"""Many payments in a short time: what card testing looks like."""

from __future__ import annotations

from collections.abc import Iterator

from aegispay.domain.payment_method import Upi
from aegispay.domain.request import PaymentRequest
from aegispay.hooks.contexts import PaymentContext
from aegispay.hooks.counting import Count
from aegispay.hooks.ready import ReadyCheck, refused
from aegispay.hooks.verdicts import Allow

WINDOW_S = 3_600.0
"""An hour, as Hyperswitch's guard against card testing has it; so are the three numbers below."""
PER_ADDRESS = 3
PER_INSTRUMENT = 10
PER_CUSTOMER = 5


class Velocity(ReadyCheck):
    """Blocks what comes too often: from one network address, with one card or account, by one customer.

    Payments are counted when they get to their first attempt, durably and exactly: also when many come at once, and
    across restarts. Payments that a hook blocks are not counted.

    Args:
        address_key: the metadata key under which you pass the payer's network address; without it none is looked at.
        per_address, per_instrument, per_customer: the most payments in any window; ``None`` for no limit.
        window_s: seconds.

    Raises:
        ConfigurationError: a number makes no sense, or there is nothing to count.
    """

    NAME = "velocity"
    __slots__ = ("_address_key", "_per_address", "_per_customer", "_per_instrument", "_window_s")

    def __init__(
        self,
        *,
        address_key: str | None = None,
        per_address: int | None = PER_ADDRESS,
        per_instrument: int | None = PER_INSTRUMENT,
        per_customer: int | None = PER_CUSTOMER,
        window_s: float = WINDOW_S,
    ) -> None:
        self._address_key = address_key
        self._per_address = None if address_key is None else per_address
        self._per_instrument = per_instrument
        self._per_customer = per_customer
        self._window_s = window_s
        limits = [limit for limit in (self._per_address, per_instrument, per_customer) if limit is not None]
        if not limits:
            raise refused("velocity", "give at least one limit")
        for limit in limits:
            Count("limit", "any", limit, window_s)

    def check(self, context: PaymentContext) -> Allow:
        """Say what is to be counted; the engine blocks where a counter is full."""
        return Allow(counts=tuple(self._counts(context.request)))

    def _counts(self, request: PaymentRequest) -> Iterator[Count]:
        for name, value, most in (
            ("address", self._address(request), self._per_address),
            ("instrument", _instrument(request), self._per_instrument),
            ("customer", None if request.customer is None else request.customer.id, self._per_customer),
        ):
            if value is not None and most is not None:
                # Two merchants of one engine may give their customers the same ids.
                yield Count(name, f"{request.merchant} {value}"[:255], most, self._window_s)

    def _address(self, request: PaymentRequest) -> str | None:
        value = None if self._address_key is None else request.metadata.get(self._address_key)
        return value if isinstance(value, str) and value else None


def _instrument(request: PaymentRequest) -> str | None:
    method = request.payment_method
    return method.vpa if isinstance(method, Upi) else method.token
