"""Who chooses the gateway: a strategy through the real `route`, one gateway always, or one who knows the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from aegispay.domain.routing import (
    Facts,
    GatewaySnapshot,
    RankContext,
    Ranking,
    RoutingRequest,
    Strategy,
    draw_of,
    route,
    why_not_eligible,
)
from benchmarks.day.charging import approval_chance
from benchmarks.day.desk import Desk
from benchmarks.day.traffic import Payment
from benchmarks.day.world import PAYER_DECLINE_SHARE, SEGMENTS, Provider


class Chooser(Protocol):
    """Answers which gateway is next for a payment."""

    def choose(self, payment: Payment, tried: frozenset[str], now: float, desks: Sequence[Desk]) -> str | None:
        """Return a gateway's name, or ``None`` when there is none left."""


def _request(payment: Payment, tried: frozenset[str]) -> RoutingRequest:
    return RoutingRequest(
        amount_minor=payment.amount_minor,
        currency=payment.segment.currency,
        method=payment.segment.method,
        excluded=tried,
        sticky_key=f"payer-{payment.number}",
    )


class Routed:
    """The engine's router: the real filter and a real strategy over what the desks report."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._turn = 0

    def choose(self, payment: Payment, tried: frozenset[str], now: float, desks: Sequence[Desk]) -> str | None:
        decision = route(
            [desk.snapshot(now) for desk in desks],
            _request(payment, tried),
            strategy=self._strategy,
            turn=self._turn,
            draw=draw_of(payment.number, len(tried) + 1),
        )
        self._turn += 1
        if decision.probe is not None:
            next(desk for desk in desks if desk.provider.name == decision.probe).probe_is_taken()
        return decision.order[0] if decision.order else None


class Fixed(Strategy):
    """One gateway first, whatever happens; the others, in order of registration, only where it cannot."""

    kind: Literal["fixed"] = "fixed"
    gateway: str

    def facts(self, snapshot: GatewaySnapshot, request: RoutingRequest) -> Facts:
        return {}

    def rank(self, facts: Mapping[str, Facts], context: RankContext) -> Ranking:
        return Ranking({name: float(name == self.gateway) for name in facts})


class Oracle:
    """Knows every true share at every moment, and takes the gateway with the greatest expected value.

    Args:
        knows_segments: whether it knows them for each kind of payer, or only for each gateway's payers together, which
            is as much as any strategy could learn from one count per gateway.
    """

    def __init__(self, *, knows_segments: bool = True) -> None:
        self._chance = approval_chance if knows_segments else _average_chance

    def choose(self, payment: Payment, tried: frozenset[str], now: float, desks: Sequence[Desk]) -> str | None:
        request = _request(payment, tried)
        able = [desk.provider for desk in desks if _is_able(desk.provider, request)]
        best = max(
            able,
            key=lambda provider: self._chance(provider, payment, now) * gain_minor(provider, payment),
            default=None,
        )
        return None if best is None else best.name


def _is_able(provider: Provider, request: RoutingRequest) -> bool:
    return why_not_eligible(GatewaySnapshot(name=provider.name, contract=provider.contract), request) is None


def _average_chance(provider: Provider, _payment: Payment, at: float) -> float:
    served = [segment for segment in SEGMENTS if segment.name in provider.approval]
    weight = sum(segment.share for segment in served)
    average = sum(segment.share * provider.approval_at(segment, at) for segment in served) / weight
    works = 1.0 - provider.error_share_at(at) - provider.hang_share_at(at)
    return works * (1.0 - PAYER_DECLINE_SHARE) * average


def cost_minor(provider: Provider, payment: Payment) -> float:
    """Return what the gateway takes for this payment, in minor units."""
    fee = provider.contract.fee(payment.segment.currency, payment.segment.method)
    if fee is None:
        raise ValueError(f"{provider.name} has no price for {payment.segment.name}")
    return fee.cost_minor(payment.amount_minor)


def gain_minor(provider: Provider, payment: Payment) -> float:
    """Return what is left of the payment after the gateway's fee, in minor units."""
    return payment.amount_minor - cost_minor(provider, payment)
