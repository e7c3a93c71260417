"""A small day of traffic, 5,000 payments in 24 hours: what strategies must make of it, and that the day is fair."""

from __future__ import annotations

from collections import defaultdict
from xml.etree import ElementTree as ET

import pytest

from aegispay.config import AegisPayConfig
from aegispay.domain.breaker import BreakerState
from benchmarks.day.charging import Answer, Result, charge
from benchmarks.day.choosers import Fixed, Routed
from benchmarks.day.contenders import CONTENDERS, FIXED, MULTI_OBJECTIVE, ORACLE, ROUND_ROBIN, SHOWN, THOMPSON
from benchmarks.day.desk import Desk
from benchmarks.day.measures import measure
from benchmarks.day.picture import draw
from benchmarks.day.running import run, traffic_of
from benchmarks.day.simulation import ATTEMPTS_MAX, Day
from benchmarks.day.tables import money_table, move_table
from benchmarks.day.traffic import Traffic
from benchmarks.day.world import HOUR_S, NAMES, PROVIDERS
from tests.checkout import ROOT

PAYMENTS = 5_000
SEEDS = (1, 2, 3)
ALPHA, BETA, _, DELTA = PROVIDERS


@pytest.fixture(scope="module")
def measured():
    """Return a function that measures one contender's small day, once."""
    known = {}

    def of(name, seed):
        if (name, seed) not in known:
            known[name, seed] = measure(name, traffic_of(seed, PAYMENTS), run(name, seed, PAYMENTS))
        return known[name, seed]

    return of


# --- what the strategies make of it -------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [MULTI_OBJECTIVE, THOMPSON])
def test_what_learns_keeps_more_of_the_money_than_round_robin(measured, name, seed):
    gain = measured(name, seed).net_share - measured(ROUND_ROBIN, seed).net_share
    assert gain > 0.001, f"seed {seed}: {name} gains {gain:.3%} of the amounts offered"


@pytest.mark.parametrize("name", [MULTI_OBJECTIVE, THOMPSON])
def test_over_three_days_the_gain_is_clear_and_more_payers_are_served(measured, name):
    days = [(measured(name, seed), measured(ROUND_ROBIN, seed)) for seed in SEEDS]
    assert sum(one.net_share - other.net_share for one, other in days) / len(days) > 0.003
    assert all(one.paid_share > other.paid_share for one, other in days)


@pytest.mark.parametrize("name", [ROUND_ROBIN, MULTI_OBJECTIVE, THOMPSON])
def test_nobody_beats_who_knows_the_truth(measured, name):
    assert measured(name, 1).net_share < measured(ORACLE, 1).net_share


def test_the_breaker_moves_traffic_off_a_gateway_that_refuses_and_back_when_it_is_well():
    traffic = Traffic(1, 40_000)
    ledger = Day(traffic, CONTENDERS[ROUND_ROBIN](), hours=(9.5, 11.5)).run()
    move = measure(ROUND_ROBIN, traffic, ledger).moves[0]
    assert (move.gateway, move.trouble) == ("alpha", ALPHA.troubles[0])
    assert move.share_before > 0.15
    assert 3 <= move.hit <= 10
    assert move.away_s is not None
    assert move.away_s < 120
    assert move.back_s is not None
    assert move.back_s < 120


# --- the day is fair ----------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_day_and_another_seed_is_not():
    def table(seed):
        traffic = Traffic(seed, 3_000)
        thompson = Day(traffic, CONTENDERS[THOMPSON](), hours=(8, 12)).run()
        others = Day(traffic, CONTENDERS[ROUND_ROBIN](), hours=(8, 12)).run()
        ledgers = {THOMPSON: thompson, **dict.fromkeys((ROUND_ROBIN, *FIXED), others), ORACLE: thompson}
        numbers = {name: measure(name, traffic, ledger) for name, ledger in ledgers.items()}
        return money_table(numbers) + move_table(numbers)

    assert table(11) == table(11)
    assert table(11) != table(12)


def test_luck_belongs_to_payment_and_gateway_not_to_who_sent_it_there():
    """Whatever happened before: the same payment at the same gateway at the same time ends the same."""
    traffic, seen = Traffic(5, 4_000), {}
    for gateway in ("alpha", "gamma"):
        day = Watched(traffic, Routed(Fixed(gateway=gateway)), hours=(14, 16))
        day.run()
        for number, answers in day.answers.items():
            name, at, answer = answers[0]
            if at == traffic.payment(number).at:
                assert seen.setdefault((number, name), answer) == answer
    again = {
        (payment.number, provider.name): charge(provider, payment, traffic.luck(payment, index), payment.at)
        for payment in traffic
        for index, provider in enumerate(PROVIDERS)
        if payment.segment.name in provider.approval
    }
    assert len(seen) > 700
    assert {key: again[key] for key in seen} == seen


class Watched(Day):
    """A day that writes down (gateway, when it was asked, its answer) for every payment."""

    def __init__(self, *given, **hours):
        super().__init__(*given, **hours)
        self.answers = defaultdict(list)

    def _ended(self, attempt, now):
        asked_at = self._traffic.payment(attempt.payment.number).at if len(attempt.tried) == 1 else None
        self.answers[attempt.payment.number].append((attempt.desk.provider.name, asked_at, attempt.answer))
        super()._ended(attempt, now)


def test_only_what_surely_moved_no_money_goes_on_and_never_twice_to_the_same_gateway():
    day = Watched(Traffic(4, 20_000), Routed(Fixed(gateway="beta")), hours=(15, 17))
    ledger = day.run()
    results = {number: [answer.result for _, _, answer in answers] for number, answers in day.answers.items()}
    assert sum(Result.UNKNOWN in each for each in results.values()) == ledger.unknown > 20
    for each in results.values():
        assert all(result.may_go_elsewhere for result in each[:-1])
        assert len(each) <= ATTEMPTS_MAX
    for answers in day.answers.values():
        names = [name for name, _, _ in answers]
        assert len(set(names)) == len(names)
        assert sum(answer.is_paid for _, _, answer in answers) <= 1
    assert ledger.paid == sum(answer.is_paid for answers in day.answers.values() for _, _, answer in answers)


# --- what a gateway is blamed for ---------------------------------------------------------------------


def fed(provider, result, times, *, is_first=True):
    desk = Desk(provider, AegisPayConfig())
    for number in range(times):
        admitted = desk.admit(number, float(number))
        if admitted is not None:
            desk.ended(number, number + 0.5, admitted, Answer(result, 0.5, is_paid=False), is_first=is_first)
    return desk.snapshot(times + 1.0)


@pytest.mark.parametrize("result", [Result.SOFT_DECLINE, Result.HARD_DECLINE])
def test_a_decline_lowers_the_approvals_and_is_no_fault(result):
    snapshot = fed(ALPHA, result, 50)
    assert (snapshot.breaker, snapshot.success_rate) == (BreakerState.CLOSED, 1.0)
    assert snapshot.approvals == 0.0
    assert snapshot.declines == pytest.approx(50, abs=1)


def test_an_answer_to_a_second_attempt_is_no_measure_of_the_gateway():
    assert fed(ALPHA, Result.SOFT_DECLINE, 50, is_first=False).declines == 0.0


@pytest.mark.parametrize("result", [Result.NOT_PROCESSED, Result.UNKNOWN])
def test_a_fault_opens_the_breaker_and_is_no_decline(result):
    snapshot = fed(ALPHA, result, 5)
    assert (snapshot.breaker, snapshot.success_rate) == (BreakerState.OPEN, 0.0)
    assert (snapshot.approvals, snapshot.declines) == (0.0, 0.0)


# --- the world is as it is described ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "at", "expected"),
    [
        (ALPHA, 10.5 * HOUR_S, {Result.NOT_PROCESSED}),
        (BETA, 15.75 * HOUR_S, {Result.UNKNOWN}),
    ],
)
def test_in_an_outage_nothing_gets_through(provider, at, expected):
    traffic, index = Traffic(9, 300), PROVIDERS.index(provider)
    payments = [payment for payment in traffic if payment.segment.name in provider.approval]
    assert {charge(provider, each, traffic.luck(each, index), at).result for each in payments} == expected


def test_a_brown_out_fails_too_little_for_a_breaker_and_is_four_times_as_slow():
    traffic, index = Traffic(9, 2_000), PROVIDERS.index(DELTA)
    payments = [payment for payment in traffic if payment.segment.name in DELTA.approval]

    def answers(hour):
        return [charge(DELTA, each, traffic.luck(each, index), hour * HOUR_S) for each in payments]

    bad, good = answers(20), answers(18)
    assert 0.09 < sum(each.result.is_fault for each in bad) / len(bad) < 0.16
    assert sum(each.result.is_fault for each in good) / len(good) < 0.01
    slow, usual = sorted(each.took_s for each in bad), sorted(each.took_s for each in good)
    assert slow[len(slow) // 2] == pytest.approx(4 * usual[len(usual) // 2], rel=0.1)


def test_payments_come_in_order_at_the_hours_at_which_people_buy():
    traffic = Traffic(3, 20_000)
    times = [payment.at for payment in traffic]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 24 * HOUR_S
    per_hour = [traffic.number_at((hour + 1) * HOUR_S) - traffic.number_at(hour * HOUR_S) for hour in range(24)]
    assert per_hour[20] > 3 * per_hour[5]


# --- the report ---------------------------------------------------------------------------------------


def test_the_picture_is_well_formed_and_draws_every_strategy_shown():
    traffic = Traffic(2, 300)
    names = dict.fromkeys([*SHOWN, *FIXED, ORACLE])
    oracle, other = (Day(traffic, CONTENDERS[name](), hours=(9, 21)).run() for name in (ORACLE, ROUND_ROBIN))
    picture = draw(traffic, dict.fromkeys(names, other) | {ORACLE: oracle})
    lines = [each for each in ET.fromstring(picture).iter() if each.get("class", "").startswith("line")]
    assert len(lines) == len(NAMES) + len(SHOWN) + 1
    assert "nan" not in picture
    words = picture.split("Lost to the oracle", 1)[1]
    assert all(name in words for name in SHOWN)


def test_the_published_picture_can_be_read_on_light_and_on_dark_pages():
    picture = (ROOT / "docs/routing-day.svg").read_text(encoding="utf-8")
    assert ET.fromstring(picture).get("viewBox") == "0 0 900 830"
    assert "prefers-color-scheme: dark" in picture
