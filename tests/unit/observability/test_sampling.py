"""Lines that repeat are written at first, then at growing intervals, with the number that was left out."""

from __future__ import annotations

import logging

import pytest

from aegispay.log import sampled
from aegispay.observability.sampling import Repeats


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time():
    return Time()


def written(repeats, time, *, each_s, for_s):
    """Return (second, left out) of each line that is written when one comes every `each_s` seconds."""
    found = []
    while time.now_s < for_s:
        left_out = repeats.count("key")
        if left_out is not None:
            found.append((time.now_s, left_out))
        time.now_s += each_s
    return found


def test_intervals_double_and_each_line_says_how_many_were_left_out(time):
    assert written(Repeats(time), time, each_s=0.25, for_s=20) == [(0, 0), (1, 3), (3, 7), (7, 15), (15, 31)]


def test_the_longest_interval_is_a_bound(time):
    repeats = Repeats(time, first_s=1, longest_s=4)
    assert [at for at, _ in written(repeats, time, each_s=1, for_s=20)] == [0, 1, 3, 7, 11, 15, 19]


def test_nothing_is_counted_twice_or_lost(time):
    repeats, asked = Repeats(time), 0
    found = []
    for _ in range(10_000):
        found.append(repeats.count("key"))
        asked += 1
        time.now_s += 0.01
    shown = [left_out for left_out in found if left_out is not None]
    at_the_end = found[::-1].index(next(each for each in reversed(found) if each is not None))
    assert sum(shown) + len(shown) + at_the_end == asked


def test_after_a_quiet_time_the_first_is_written_at_once_again(time):
    repeats = Repeats(time, first_s=1, longest_s=10)
    assert repeats.count("key") == 0
    assert repeats.count("key") is None
    time.now_s = 100
    assert repeats.count("key") == 1
    assert repeats.count("key") is None
    time.now_s = 101
    assert repeats.count("key") == 1


def test_one_key_does_not_hide_another(time):
    repeats = Repeats(time)
    assert [repeats.count(key) for key in ("a", "a", "b", "b")] == [0, None, 0, None]


def test_whoever_makes_up_keys_does_not_fill_the_memory(time):
    repeats = Repeats(time, keys_max=10)
    for number in range(1_000):
        repeats.count(number)
    assert len(repeats) == 10


def test_a_logger_counts_by_event_and_what_it_is_about_but_not_by_payment(time, caplog):
    caplog.set_level(logging.INFO)
    log = sampled(time)
    for number in range(5):
        for gateway in ("alpha", "beta"):
            log.bind(payment_id=f"pay_{number}", gateway=gateway).warning("adapter_raised", error="OSError")
    time.now_s = 1
    log.bind(payment_id="pay_9", gateway="alpha").warning("adapter_raised", error="OSError")
    log.bind(payment_id="pay_9", gateway="alpha").warning("adapter_raised", error="TypeError")
    assert [record.getMessage() for record in caplog.records] == [
        "event='adapter_raised' payment_id='pay_0' gateway='alpha' error='OSError'",
        "event='adapter_raised' payment_id='pay_0' gateway='beta' error='OSError'",
        "event='adapter_raised' payment_id='pay_9' gateway='alpha' error='OSError' left_out=4",
        "event='adapter_raised' payment_id='pay_9' gateway='alpha' error='TypeError'",
    ]
