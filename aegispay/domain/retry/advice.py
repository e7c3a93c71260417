"""What card networks advise about trying a card again after a decline.

Sources: the tables of Visa and Mastercard as payment providers publish them. American Express and Discover publish no
codes of this kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.retry.networks import Network

_HOUR_S = 3_600.0
_DAY_S = 86_400.0


class AdviceKind(StrEnum):
    """What a network wants."""

    STOP = "stop"
    NEW_DATA = "new_data"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Advice:
    """One row of a network's table.

    Attributes:
        code: as the network writes it, two digits.
        words: for people.
        delay_s: how long to wait at least, in seconds; 0 where the network does not say.
    """

    network: Network
    code: str
    kind: AdviceKind
    words: str
    delay_s: float = 0.0


ADVICE: tuple[Advice, ...] = (
    Advice(Network.VISA, "01", AdviceKind.STOP, "the issuer will never approve"),
    # Visa allows 20 attempts in 30 days and names no delay; a day between them stays below that.
    Advice(Network.VISA, "02", AdviceKind.LATER, "the issuer cannot approve at this time", _DAY_S),
    Advice(Network.VISA, "03", AdviceKind.NEW_DATA, "the payer has to correct the card data first"),
    Advice(Network.VISA, "04", AdviceKind.LATER, "try again later", _DAY_S),
    Advice(Network.MASTERCARD, "01", AdviceKind.NEW_DATA, "new account data is available"),
    # Providers translate it as: insufficient funds, wait 72 hours.
    Advice(Network.MASTERCARD, "02", AdviceKind.LATER, "cannot approve at this time, try again later", 72 * _HOUR_S),
    Advice(Network.MASTERCARD, "03", AdviceKind.STOP, "do not try again"),
    Advice(Network.MASTERCARD, "04", AdviceKind.NEW_DATA, "other data is needed"),
    Advice(Network.MASTERCARD, "05", AdviceKind.STOP, "do not try again"),
    Advice(Network.MASTERCARD, "21", AdviceKind.STOP, "the payer has stopped recurring payments"),
    Advice(Network.MASTERCARD, "22", AdviceKind.STOP, "do not try again"),
    Advice(Network.MASTERCARD, "24", AdviceKind.LATER, "try again after 1 hour", _HOUR_S),
    Advice(Network.MASTERCARD, "25", AdviceKind.LATER, "try again after 24 hours", _DAY_S),
    Advice(Network.MASTERCARD, "26", AdviceKind.LATER, "try again after 2 days", 2 * _DAY_S),
    Advice(Network.MASTERCARD, "27", AdviceKind.LATER, "try again after 4 days", 4 * _DAY_S),
    Advice(Network.MASTERCARD, "28", AdviceKind.LATER, "try again after 6 days", 6 * _DAY_S),
    Advice(Network.MASTERCARD, "29", AdviceKind.LATER, "try again after 8 days", 8 * _DAY_S),
    Advice(Network.MASTERCARD, "30", AdviceKind.LATER, "try again after 10 days", 10 * _DAY_S),
)
"""Every code that is known; others advise nothing."""

_BY_CODE = {(advice.network, advice.code): advice for advice in ADVICE}


def advice_of(network: Network | None, code: str) -> Advice | None:
    """Return what the network's code advises; ``None`` where it is not known, or whose it is."""
    return None if network is None or not code else _BY_CODE.get((network, code.strip().zfill(2)))
