"""One day under one chooser: arrivals and ends of charges in order of time, failover as the engine does it."""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass
from itertools import count

from aegispay.config import AegisPayConfig
from benchmarks.day.charging import Answer, Result, charge
from benchmarks.day.choosers import Chooser, cost_minor
from benchmarks.day.desk import Desk
from benchmarks.day.traffic import Payment, Traffic
from benchmarks.day.world import HOUR_S, NAMES, PROVIDERS

ATTEMPTS_MAX = 3
NOWHERE = -1


class Ledger:
    """What became of every payment, by number.

    Attributes:
        first: index of the gateway that was tried first; `NOWHERE` if none was.
        net_usd: amount less fee of what was paid, else 0. cost_usd: the fee. took_s: until the caller had an answer.
        paid, unknown: payments whose money moved, and those whose outcome was open at first.
        charges: calls to gateways.
    """

    def __init__(self, payments: int) -> None:
        self.first = array("b", [NOWHERE]) * payments
        self.net_usd = array("d", [0.0]) * payments
        self.cost_usd = array("d", [0.0]) * payments
        self.took_s = array("d", [0.0]) * payments
        self.paid = 0
        self.unknown = 0
        self.charges = 0


@dataclass(frozen=True, slots=True)
class _Attempt:
    payment: Payment
    tried: frozenset[str]
    desk: Desk
    admitted: float
    answer: Answer


class Day:
    """A day under way, or a part of it.

    Args:
        traffic: who comes.
        chooser: who routes.
        hours: from when to when payments are taken.
    """

    def __init__(self, traffic: Traffic, chooser: Chooser, hours: tuple[float, float] = (0.0, 24.0)) -> None:
        opens_s, closes_s = (hour * HOUR_S for hour in hours)
        self._traffic = traffic
        self._numbers = range(traffic.number_at(opens_s), traffic.number_at(closes_s))
        self._chooser = chooser
        self._desks = [Desk(provider, AegisPayConfig(), opens_s) for provider in PROVIDERS]
        self._ends: list[tuple[float, int, _Attempt]] = []
        self._order = count()
        self.ledger = Ledger(len(traffic))

    def run(self) -> Ledger:
        """Let every payment of the day come to its end."""
        for number in self._numbers:
            payment = self._traffic.payment(number)
            self._end_charges(payment.at)
            self._attempt(payment, frozenset(), payment.at)
        self._end_charges(float("inf"))
        return self.ledger

    def _end_charges(self, until: float) -> None:
        while self._ends and self._ends[0][0] <= until:
            at, _, attempt = heapq.heappop(self._ends)
            self._ended(attempt, at)

    def _attempt(self, payment: Payment, tried: frozenset[str], now: float) -> None:
        while len(tried) < ATTEMPTS_MAX:
            name = self._chooser.choose(payment, tried, now, self._desks)
            if name is None:
                break
            index = NAMES.index(name)
            desk = self._desks[index]
            if not tried:
                self.ledger.first[payment.number] = index
            tried |= {name}
            admitted = desk.admit(payment.number, now)
            if admitted is not None:
                answer = charge(desk.provider, payment, self._traffic.luck(payment, index), now)
                attempt = _Attempt(payment, tried, desk, admitted, answer)
                heapq.heappush(self._ends, (now + answer.took_s, next(self._order), attempt))
                return
        self._finish(payment, now)

    def _ended(self, attempt: _Attempt, now: float) -> None:
        payment, answer = attempt.payment, attempt.answer
        self.ledger.charges += 1
        is_first = len(attempt.tried) == 1
        attempt.desk.ended(payment.number, now, attempt.admitted, answer, is_first=is_first)
        if answer.result.may_go_elsewhere:
            self._attempt(payment, attempt.tried, now)
            return
        if answer.is_paid:
            cost_usd = cost_minor(attempt.desk.provider, payment) * payment.segment.usd_per_minor
            self.ledger.paid += 1
            self.ledger.cost_usd[payment.number] = cost_usd
            self.ledger.net_usd[payment.number] = payment.amount_usd - cost_usd
        self.ledger.unknown += answer.result is Result.UNKNOWN
        self._finish(payment, now)

    def _finish(self, payment: Payment, now: float) -> None:
        self.ledger.took_s[payment.number] = now - payment.at
