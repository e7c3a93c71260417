"""Whether an engine runs, seen from outside."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from aegispay.cli.top_view import Looker, Presence, age_of, judge
from aegispay.domain.state import PaymentState
from aegispay.status.file import StatusReading
from aegispay.storage.sqlite import SqliteStore
from tests.unit.status.pictures import NOW, picture


def seen(status=None, problem="", epoch=3, later_s=0.0):
    found = StatusReading(status, problem)
    return judge(found, now=NOW + timedelta(seconds=later_s), epoch=epoch)


def test_a_fresh_picture_of_the_last_engine_is_believed():
    assert seen(picture()) == (Presence.RUNNING, "", picture())


@pytest.mark.parametrize(
    ("interval_s", "age_s", "presence"),
    [
        (2.0, 6.0, Presence.RUNNING),
        (2.0, 6.001, Presence.SILENT),
        (60.0, 179.0, Presence.RUNNING),
        (0.1, 1.0, Presence.RUNNING),
        (0.1, 1.001, Presence.SILENT),
        (2.0, -5.0, Presence.RUNNING),
        (2.0, -3_600.0, Presence.SILENT),
    ],
)
def test_a_picture_is_believed_for_three_intervals(interval_s, age_s, presence):
    status = picture(interval_s=interval_s, written_at=NOW - timedelta(seconds=age_s))
    assert seen(status)[0] is presence


def test_a_picture_that_is_too_old_is_not_shown_and_its_process_is_named():
    assert seen(picture(), later_s=100) == (
        Presence.SILENT,
        "no engine runs: process 4711 on shop-1 ended or hangs, last seen 1 min 41 s ago",
        None,
    )


def test_a_picture_of_an_engine_that_lost_the_database_is_not_shown():
    presence, words, status = seen(picture(), epoch=4)
    assert (presence, status) == (Presence.SUPERSEDED, None)
    assert words.startswith("process 4711 on shop-1 has lost the database to another engine")


def test_without_a_picture_no_engine_is_seen():
    assert seen() == (Presence.NONE, "no engine runs, or one whose status_interval_s is 0", None)


def test_a_picture_that_cannot_be_read_says_so():
    assert seen(problem="payments.db-status.json cannot be read: no") == (
        Presence.UNREADABLE,
        "payments.db-status.json cannot be read: no: whether an engine runs is not known",
        None,
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3_599, "59 min 59 s"),
     (3_600, "1 h"), (7_980, "2 h 13 min"), (86_400, "1 d"), (93_600, "1 d 2 h"), (10**9, "11,574 d 1 h")],
)  # fmt: skip
def test_ages_are_said_in_two_units(seconds, said):
    assert age_of(seconds) == said


class Clock:
    """Its monotonic time is what the test says, and goes on while something is counted."""

    def __init__(self):
        self.at_s = 0.0

    def now(self):
        return NOW

    def monotonic(self):
        return self.at_s


class SlowCount(SqliteStore):
    """Counting takes a second of the clock."""

    counted = 0

    def __init__(self, path, clock, **options):
        super().__init__(path, **options)
        self.clock = clock

    async def count_states(self):
        self.counted += 1
        self.clock.at_s += 1.0
        return {PaymentState.SUCCESS: self.counted}


def test_counting_payments_takes_a_twentieth_of_the_time_at_most(tmp_path):
    async def main():
        path = tmp_path / "payments.db"
        store = SqliteStore(path)
        await store.open()
        await store.close()
        clock = Clock()
        slow = SlowCount(path, clock, read_only=True)
        await slow.open()
        try:
            looker, seen = Looker(slow, clock), []
            for _ in range(60):
                seen.append((await looker.look()).states[PaymentState.SUCCESS])
                clock.at_s += 1.0
            return seen
        finally:
            await slow.close()

    assert asyncio.run(main()) == [1] * 20 + [2] * 20 + [3] * 20
