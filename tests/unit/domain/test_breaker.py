"""The circuit breaker, step by step."""

from aegispay.domain.breaker import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    Slot,
    admit,
    end_pause,
    force,
    has_place,
    record,
    tick,
)

POLICY = BreakerPolicy(failures_max=5, window_s=60, open_s=60, probes_max=3, successes_to_close=2)
CLOSED, OPEN, HALF_OPEN = BreakerState


def faults(*times: float, breaker: Breaker | None = None) -> Breaker:
    breaker = breaker or Breaker()
    for at in times:
        breaker = record(breaker, POLICY, at, is_fault=True)
    return breaker


def half_open(*, probes: int = 0, at: float = 64.0) -> Breaker:
    breaker = tick(faults(0, 1, 2, 3, 4), POLICY, at)
    for _ in range(probes):
        breaker, is_admitted = admit(breaker, POLICY)
        assert is_admitted
    return breaker


def test_a_fresh_breaker_lets_everything_pass_and_one_fault_does_not_open_it():
    breaker, is_admitted = admit(faults(0), POLICY)
    assert (breaker.state, is_admitted) == (CLOSED, True)


def test_five_faults_in_the_window_open_it_and_nothing_passes():
    assert faults(0, 1, 2, 3).state is CLOSED
    breaker = faults(0, 1, 2, 3, 4)
    assert (breaker.state, breaker.since) == (OPEN, 4)
    assert admit(breaker, POLICY) == (breaker, False)


def test_faults_outside_the_window_do_not_count():
    assert faults(0, 1, 2, 3, 63).state is CLOSED
    assert faults(0, 1, 2, 3, 60.5).state is CLOSED
    assert faults(0, 1, 2, 3, 59.9).state is OPEN


def test_faults_that_no_longer_count_are_forgotten():
    assert faults(*range(0, 6_000, 100)).slots == (Slot(starts_at=5_900, faults=1),)


def test_successes_do_not_hide_faults():
    breaker = Breaker()
    for at in range(5):
        breaker = record(record(breaker, POLICY, at, is_fault=False), POLICY, at, is_fault=True)
    assert breaker.state is OPEN


def after(*results: bool) -> Breaker:
    """Return the breaker after calls, a tenth of a second apart: true for good ones."""
    breaker = Breaker()
    for number, is_good in enumerate(results):
        breaker = record(breaker, POLICY, number / 10, is_fault=not is_good)
    return breaker


def test_a_gateway_that_fails_one_call_in_ten_stays_in_use_and_one_that_fails_one_in_four_does_not():
    assert after(*([False, *[True] * 9] * 50)).state is CLOSED
    assert after(*([False, *[True] * 3] * 5)).state is OPEN


def test_good_calls_before_the_first_fault_buy_no_patience():
    assert after(*[True] * 500, *[False] * 5).state is OPEN


def test_good_calls_go_with_the_faults_that_no_longer_count():
    breaker = record(Breaker(), POLICY, 0, is_fault=True)
    for _ in range(100):
        breaker = record(breaker, POLICY, 1, is_fault=False)
    assert faults(70, 71, 72, 73, 74, breaker=breaker).state is OPEN


def test_it_stays_open_for_its_pause_and_then_is_half_open():
    opened = faults(0, 1, 2, 3, 4)
    assert tick(opened, POLICY, 63.9) is opened
    breaker = tick(opened, POLICY, 64)
    assert (breaker.state, breaker.since) == (HALF_OPEN, 64)


def test_time_changes_nothing_while_closed_or_half_open_without_probes():
    assert tick(faults(0), POLICY, 10**6) == faults(0)
    assert tick(half_open(), POLICY, 10**6) == half_open()


def test_half_open_admits_so_many_probes_at_once_and_no_more():
    breaker = half_open(probes=3)
    assert admit(breaker, POLICY) == (breaker, False)
    answered = record(breaker, POLICY, 65, is_fault=False)
    assert admit(answered, POLICY)[1]


def test_two_good_probes_close_it_and_old_faults_are_forgotten():
    breaker = record(half_open(probes=2), POLICY, 65, is_fault=False)
    assert breaker.state is HALF_OPEN
    breaker = record(breaker, POLICY, 66, is_fault=False)
    assert breaker == Breaker(since=66)
    assert faults(67, 68, 69, 70, breaker=breaker).state is CLOSED


def test_one_bad_probe_opens_it_again_for_a_whole_pause():
    breaker = record(half_open(probes=3), POLICY, 65, is_fault=False)
    breaker = record(breaker, POLICY, 66, is_fault=True)
    assert (breaker.state, breaker.since) == (OPEN, 66)
    assert tick(breaker, POLICY, 125.9).state is OPEN
    assert tick(breaker, POLICY, 126).state is HALF_OPEN


def test_results_of_calls_from_before_it_opened_change_nothing():
    opened = faults(0, 1, 2, 3, 4)
    assert record(opened, POLICY, 5, is_fault=True) is opened
    assert record(opened, POLICY, 5, is_fault=False) is opened


def test_probes_that_never_answer_do_not_block_it_for_ever():
    waiting = tick(half_open(probes=3), POLICY, 65)
    assert tick(waiting, POLICY, 124.9).state is HALF_OPEN
    given_up = tick(waiting, POLICY, 125)
    assert (given_up.state, given_up.since) == (OPEN, 125)
    assert admit(tick(given_up, POLICY, 185), POLICY)[1]


def test_a_probe_that_starts_late_has_its_full_time():
    breaker = tick(half_open(), POLICY, 1_000)
    breaker, _ = admit(breaker, POLICY)
    assert tick(tick(breaker, POLICY, 1_001), POLICY, 1_060).state is HALF_OPEN


def test_an_answer_gives_the_remaining_probes_their_full_time_again():
    waiting = tick(half_open(probes=3), POLICY, 65)
    answered = tick(record(waiting, POLICY, 120, is_fault=False), POLICY, 121)
    assert tick(answered, POLICY, 180).state is HALF_OPEN
    assert tick(answered, POLICY, 181).state is OPEN


def test_a_restored_breaker_that_was_open_too_long_is_half_open_not_closed():
    assert tick(Breaker(state=OPEN, since=-1_000), POLICY, 0).state is HALF_OPEN


def test_a_forced_breaker_changes_by_no_call_and_no_time():
    shut = force(OPEN, reason="fraud at the provider", now=10)
    assert tick(shut, POLICY, 10**6) is shut
    assert end_pause(shut, 20) is shut
    assert admit(shut, POLICY) == (shut, False)
    held = force(CLOSED, reason="we know better", now=10)
    assert faults(*range(11, 30), breaker=held) is held
    assert admit(held, POLICY) == (held, True)


def test_evidence_of_recovery_ends_only_the_pause_of_a_breaker_that_opened_by_itself():
    assert end_pause(faults(0, 1, 2, 3, 4), 9) == Breaker(state=HALF_OPEN, since=9)
    for other in (Breaker(), half_open(probes=1)):
        assert end_pause(other, 70) is other


def test_there_is_a_place_exactly_when_a_call_would_be_admitted():
    for breaker in (Breaker(), faults(0, 1, 2, 3, 4), *(half_open(probes=n) for n in range(4))):
        assert has_place(breaker, POLICY) is admit(breaker, POLICY)[1]
