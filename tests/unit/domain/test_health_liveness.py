"""What health checks are believed, and when a gateway is asked."""

import math

import pytest

from aegispay.domain.approvals import ApprovalCounts, SavedApprovals
from aegispay.domain.breaker import BreakerState
from aegispay.domain.health import HealthSummary, health_score
from aegispay.domain.liveness import (
    HealthCheckPolicy,
    Liveness,
    answered,
    asking,
    called,
    is_due,
    opened,
    proves_recovery,
)
from aegispay.errors import ValidationError

POLICY = HealthCheckPolicy(idle_s=60.0, down_s=5.0, jitter=0.0)


def told(*answers, since=None):
    liveness = since or Liveness()
    for at, is_up in enumerate(answers):
        liveness = answered(liveness, float(at), is_up=is_up, message="")
    return liveness


def due_at(liveness, *, is_open=False, policy=POLICY, luck=0.0):
    """Return the first of many seconds at which it is asked."""
    return next(at for at in range(1_000) if is_due(liveness, policy, float(at), is_open=is_open, luck=luck))


def test_who_was_never_asked_is_asked_at_once():
    assert due_at(Liveness()) == 0


def test_an_idle_gateway_is_asked_once_a_minute_and_a_busy_one_is_not():
    asked = asking(Liveness(), 0.0)
    assert due_at(answered(asked, 1.0, is_up=True, message="")) == 60
    assert due_at(called(asked, 50.0, is_fault=False)) == 110


def test_while_a_breaker_is_open_or_the_last_answer_was_no_it_is_asked_every_five_seconds():
    asked = asking(Liveness(), 0.0)
    assert due_at(called(asked, 4.0, is_fault=True), is_open=True) == 5
    assert due_at(called(answered(asked, 1.0, is_up=False, message=""), 4.0, is_fault=False)) == 5


def test_jitter_takes_off_at_most_its_share():
    asked = asking(Liveness(), 0.0)
    policy = HealthCheckPolicy(idle_s=100.0, jitter=0.2)
    assert [due_at(asked, policy=policy, luck=luck) for luck in (0.0, 0.5, 1.0)] == [100, 90, 80]


def test_without_an_interval_an_idle_gateway_is_never_asked_and_an_open_one_still_is():
    policy = HealthCheckPolicy(idle_s=None, jitter=0.0)
    assert not any(is_due(Liveness(), policy, at, is_open=False, luck=0.0) for at in (0.0, 1e9))
    assert is_due(Liveness(), policy, 0.0, is_open=True, luck=0.0)


def test_only_an_endpoint_that_saw_the_outage_proves_its_end():
    assert not proves_recovery(told(True, True, True), POLICY)
    assert not proves_recovery(told(False, True), POLICY)
    assert proves_recovery(told(False, True, True), POLICY)
    assert not proves_recovery(told(False, True, True, False, True), POLICY)
    assert not proves_recovery(told(False, True, True), HealthCheckPolicy(answers_to_probe=0))


def test_what_was_seen_before_a_breaker_opened_counts_only_if_it_is_still_so():
    green_again = opened(told(False, True, True))
    assert not proves_recovery(told(True, True, since=green_again), POLICY)
    still_red = opened(told(True, False))
    assert proves_recovery(told(True, True, since=still_red), POLICY)


def test_a_gateway_counts_as_down_until_it_says_otherwise_or_a_call_proves_it():
    assert not Liveness().is_down
    assert told(False).is_down
    assert not told(False, True).is_down
    assert told(False).is_down
    assert called(told(False), 9.0, is_fault=True).is_down
    assert not called(told(False), 9.0, is_fault=False).is_down
    assert answered(called(told(False), 9.0, is_fault=False), 10.0, is_up=False, message="").is_down


def test_a_gateway_that_is_down_has_half_its_score():
    summary = HealthSummary(calls=10, faults=2, latency_p95_s=2.0)
    for state in BreakerState:
        assert health_score(summary, state, is_down=True) == health_score(summary, state) / 2


@pytest.mark.parametrize(
    "changes",
    [{"idle_s": 0.0}, {"down_s": math.nan}, {"jitter": 1.5}, {"answers_to_probe": -1}, {"answers_to_probe": True}],
)
def test_health_checks_that_could_not_work_are_refused_by_name(changes):
    with pytest.raises(ValidationError, match=rf"health_checks\.{next(iter(changes))}"):
        HealthCheckPolicy(**changes)


def counted(*answers, half_life_s=100.0, at=0.0):
    counts = ApprovalCounts(half_life_s=half_life_s)
    for is_approved in answers:
        counts.record(at, is_approved=is_approved)
    return counts


def test_answered_charges_weigh_half_after_each_half_life():
    counts = counted(True, True, True, True, False, False)
    assert (counts.approvals(0.0), counts.declines(0.0)) == (4.0, 2.0)
    assert (counts.approvals(100.0), counts.declines(100.0)) == pytest.approx((2.0, 1.0))
    counts.record(100.0, is_approved=True)
    assert (counts.approvals(200.0), counts.declines(200.0)) == pytest.approx((1.5, 0.5))


def test_reading_changes_nothing_and_a_clock_that_goes_back_makes_nothing_heavier():
    counts = counted(True, at=50.0)
    assert [counts.approvals(at) for at in (150.0, 50.0, 10.0)] == pytest.approx([0.5, 1.0, 1.0])


def test_what_is_saved_and_restored_goes_on_ageing():
    other = ApprovalCounts(half_life_s=100.0)
    other.restore(1_000.0, counted(True, True, False).dump(100.0))
    assert (other.approvals(1_000.0), other.declines(1_000.0)) == pytest.approx((1.0, 0.5))
    assert other.approvals(1_100.0) == pytest.approx(0.5)
    other.restore(0.0, SavedApprovals(approvals=8.0, declines=0.0, age_s=200.0))
    assert other.approvals(0.0) == pytest.approx(2.0)


def test_another_half_life_counts_from_then_on():
    counts = counted(True, True)
    counts.fade_by(10.0, 100.0)
    assert counts.approvals(100.0) == pytest.approx(1.0)
    assert counts.approvals(110.0) == pytest.approx(0.5)
