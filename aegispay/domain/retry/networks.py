"""Card networks, and how often each lets one card be tried."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse
from aegispay.domain.payment_method import Card, PaymentMethod
from aegispay.domain.retry.backoff import is_delay
from aegispay.errors import FieldError

_DAY_S = 86_400.0
_MONTH_S = 30 * _DAY_S
_CAP_MAX = 100_000


class Network(StrEnum):
    """Whose rules a card's brand is under."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    AMEX = "amex"
    DISCOVER = "discover"


_BRANDS = {
    "visa": Network.VISA,
    "mastercard": Network.MASTERCARD,
    "master": Network.MASTERCARD,
    "mc": Network.MASTERCARD,
    "amex": Network.AMEX,
    "americanexpress": Network.AMEX,
    "discover": Network.DISCOVER,
}


def network_of(method: PaymentMethod) -> Network | None:
    """Return the network of a card by its brand; ``None`` for a card without a known brand, and for anything else."""
    if not isinstance(method, Card) or method.brand is None:
        return None
    return _BRANDS.get("".join(filter(str.isalnum, method.brand)).lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCap:
    """How often one card may be tried, over all payments and gateways.

    Attributes:
        network: whose cards.
        window_s: seconds in which attempts are counted.
        attempts_max: attempts in any such window.
    """

    network: Network
    window_s: float
    attempts_max: int

    def __post_init__(self) -> None:
        """Refuse a cap that cannot be counted.

        Raises:
            ValidationError: naming the setting.
        """
        problems = []
        if not is_delay(self.window_s):
            problems.append(FieldError("cap.window_s", "use seconds, more than 0 and at most a year"))
        most = self.attempts_max
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= _CAP_MAX:
            problems.append(FieldError("cap.attempts_max", f"use a whole number from 1 to {_CAP_MAX}", shown(most)))
        refuse(problems, hint="Correct the NetworkCap.")


NETWORK_CAPS: tuple[NetworkCap, ...] = tuple(
    NetworkCap(network=network, window_s=window_s, attempts_max=most)
    for network, daily, monthly in (
        (Network.VISA, 20, 20),
        (Network.MASTERCARD, 10, 35),
        (Network.AMEX, 20, 20),
        (Network.DISCOVER, 20, 20),
    )
    for window_s, most in ((_DAY_S, daily), (_MONTH_S, monthly))
)
"""What the networks allow in a day and in 30 days; they charge fees for more."""


def instrument_key(salt: bytes, network: Network, token: str) -> str:
    """Return a name for a card that says nothing about it without the store's salt."""
    digest = hmac.new(salt, f"{network}\x00{token}".encode(), hashlib.sha256).hexdigest()
    return f"card:{digest[:40]}"
