"""The day in numbers: money, waiting, and how fast traffic leaves a broken gateway and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.day.simulation import Ledger
from benchmarks.day.traffic import Traffic
from benchmarks.day.world import HOUR_S, NAMES, PROVIDERS, Trouble

MOVED_SHARE = 0.05
"""Traffic has moved when a broken gateway gets less than this share of the payments that follow."""
_BACK_WITHIN_S = 3 * HOUR_S
_BEFORE_S = HOUR_S / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What became of a gateway's traffic in its time of trouble.

    Attributes:
        share_before: of first attempts, in the half hour before.
        hit: payments that were tried at the broken gateway first.
        away_s: from the start until fewer than 5 % of the payments that follow begin there, of the next ones and of all
            until the end; ``None`` if never.
        back_s: from the end until they have half of the share before; ``None`` if not within three hours, or if
            there was no share to speak of.
    """

    gateway: str
    trouble: Trouble
    share_before: float
    hit: int
    away_s: float | None
    back_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One strategy's day.

    Attributes:
        paid_share, unknown_share: of all payments: whose money moved; whose outcome was open when the caller was told.
        net_share: amount less fees of what was paid, in all amounts offered.
        cost_bp: fees in hundredths of a percent of the amounts paid.
        charges_per_payment: calls to gateways.
    """

    name: str
    paid_share: float
    unknown_share: float
    net_usd: float
    net_share: float
    cost_usd: float
    cost_bp: float
    p50_s: float
    p99_s: float
    charges_per_payment: float
    moves: tuple[Move, ...]


def measure(name: str, traffic: Traffic, ledger: Ledger) -> Measured:
    """Return the numbers of a day that is over."""
    count, offered_usd = len(traffic), traffic.offered_usd
    net_usd, cost_usd = sum(ledger.net_usd), sum(ledger.cost_usd)
    waits = sorted(ledger.took_s)
    return Measured(
        name=name,
        paid_share=ledger.paid / count,
        unknown_share=ledger.unknown / count,
        net_usd=net_usd,
        net_share=net_usd / offered_usd,
        cost_usd=cost_usd,
        cost_bp=10_000 * cost_usd / (net_usd + cost_usd),
        p50_s=waits[count // 2],
        p99_s=waits[count * 99 // 100],
        charges_per_payment=ledger.charges / count,
        moves=tuple(_moves(traffic, ledger)),
    )


def _moves(traffic: Traffic, ledger: Ledger) -> list[Move]:
    return [
        _move(traffic, ledger.first, NAMES.index(provider.name), trouble)
        for provider in PROVIDERS
        for trouble in provider.troubles
    ]


def _move(traffic: Traffic, first: Sequence[int], index: int, trouble: Trouble) -> Move:
    before = _share(first, index, traffic.number_at(trouble.starts_s - _BEFORE_S), traffic.number_at(trouble.starts_s))
    start, end = traffic.number_at(trouble.starts_s), traffic.number_at(trouble.ends_s)
    latest = traffic.number_at(trouble.ends_s + _BACK_WITHIN_S)
    ahead = max(20, len(traffic) // 2_000)
    gone = _gone(first[start:end], index, ahead)
    back = None
    if before >= MOVED_SHARE:
        back = next((n for n in range(end, latest) if _share(first, index, n, n + ahead) >= before / 2), None)
    return Move(
        gateway=NAMES[index],
        trouble=trouble,
        share_before=before,
        hit=sum(chosen == index for chosen in first[start:end]),
        away_s=None if gone is None else max(0.0, traffic.payment(start + gone).at - trouble.starts_s),
        back_s=None if back is None else max(0.0, traffic.payment(back).at - trouble.ends_s),
    )


def _gone(chosen: Sequence[int], index: int, ahead: int) -> int | None:
    """Return from which payment on the gateway has lost its share, among the next ones and until the end."""
    heaped = list(accumulate((each == index for each in chosen), initial=0))
    # Near the end, what is left is too little to tell a share from chance.
    for number in range(len(chosen) - max(ahead, len(chosen) // 10) + 1):
        soon = heaped[number + ahead] - heaped[number]
        later = heaped[-1] - heaped[number]
        if soon < MOVED_SHARE * ahead and later < MOVED_SHARE * (len(chosen) - number):
            return number
    return None


def _share(first: Sequence[int], index: int, start: int, end: int) -> float:
    chosen = first[start:end]
    return sum(each == index for each in chosen) / len(chosen) if chosen else 0.0
