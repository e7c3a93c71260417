import math
from datetime import timedelta

import pytest

from aegispay import ValidationError
from aegispay.domain.deliveries.schedule import RetrySchedule


def delays_s(schedule: RetrySchedule, event_id: str = "pay_x-1") -> list[float]:
    found = [
        schedule.delay_after(tries, subscriber="mailer", event_id=event_id) for tries in range(1, schedule.tries + 1)
    ]
    assert found[-1] is None
    return [delay.total_seconds() for delay in found[:-1] if delay is not None]


def test_by_default_ten_tries_double_their_pauses_up_to_a_minute():
    assert RetrySchedule().tries == 10
    assert delays_s(RetrySchedule(jitter=0.0)) == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert RetrySchedule() == RetrySchedule.exponential()


def test_jitter_only_shortens_and_by_no_more_than_its_share():
    plain = delays_s(RetrySchedule(jitter=0.0))
    for number in range(50):
        drawn = delays_s(RetrySchedule(jitter=0.5), f"pay_x-{number}")
        assert all(full / 2 <= delay <= full for delay, full in zip(drawn, plain, strict=True))


def test_jitter_repeats_for_one_event_and_differs_between_events_and_subscribers():
    schedule = RetrySchedule()
    assert delays_s(schedule) == delays_s(schedule)
    assert delays_s(schedule) != delays_s(schedule, "pay_x-2")
    other = schedule.delay_after(1, subscriber="ledger", event_id="pay_x-1")
    assert other != schedule.delay_after(1, subscriber="mailer", event_id="pay_x-1")


def test_an_own_list_of_pauses_is_followed():
    schedule = RetrySchedule(delays_s=[0, 5], jitter=0)
    assert schedule.delay_after(1, subscriber="a", event_id="b") == timedelta(0)
    assert schedule.delay_after(2, subscriber="a", event_id="b") == timedelta(seconds=5)
    assert schedule.delay_after(3, subscriber="a", event_id="b") is None


def test_without_pauses_one_try_is_all():
    assert RetrySchedule(delays_s=()).delay_after(1, subscriber="a", event_id="b") is None


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"delays_s": "1"}, "retry.delays_s"),
        ({"delays_s": (1, -1)}, "retry.delays_s"),
        ({"delays_s": (math.nan,)}, "retry.delays_s"),
        ({"delays_s": (math.inf,)}, "retry.delays_s"),
        ({"delays_s": (True,)}, "retry.delays_s"),
        ({"delays_s": (1,) * 1_000}, "retry.delays_s"),
        ({"jitter": 1.1}, "retry.jitter"),
        ({"jitter": math.nan}, "retry.jitter"),
        ({"jitter": "much"}, "retry.jitter"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(settings, field):
    with pytest.raises(ValidationError) as refused:
        RetrySchedule(**settings)
    assert {error.field for error in refused.value.errors} == {field}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tries": 0}, "retry.tries"),
        ({"tries": 1_001}, "retry.tries"),
        ({"tries": 2.5}, "retry.tries"),
        ({"first_s": 0}, "retry.first_s"),
        ({"cap_s": -1}, "retry.cap_s"),
    ],
)
def test_an_exponential_schedule_that_makes_no_sense_is_refused(settings, field):
    with pytest.raises(ValidationError) as refused:
        RetrySchedule.exponential(**settings)
    assert [error.field for error in refused.value.errors] == [field]
