"""The books of one subscriber against a store in memory, through everything that can happen in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.event_type import EventType
from aegispay.outbox import ledger as ledger_module
from aegispay.outbox.lanes import Job
from aegispay.outbox.ledger import Ledger
from aegispay.ports.outbox import Delivery, DeliveryState, Progress, Subscriber, SubscriberKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Interests.everything()


class _Event:
    type = EventType.PAYMENT_SUCCEEDED


class Stored:
    """As much of a stored event as the books look at."""

    event = _Event()

    def __init__(self, position: int, payment_id: str) -> None:
        self.position = position
        self.payment_id = payment_id

    def __repr__(self) -> str:
        return f"{self.payment_id}@{self.position}"


class Store:
    """What is on disk: the position and the rows, checked as the real stores check them."""

    def __init__(self) -> None:
        self.position = 0
        self.rows: dict[int, Delivery] = {}

    def advance(self, progress: Progress) -> None:
        assert progress.expected_position == self.position
        assert progress.position >= self.position
        assert set(progress.done) <= set(self.rows), "a row is done that is not there"
        for position in progress.done:
            del self.rows[position]
        self.position = progress.position
        self.rows.update({each.position: each for each in progress.put})

    def open(self, *, ordered: bool, interests: Interests = ALL, exactly: bool = False) -> Ledger:
        subscriber = Subscriber(name="mailer", kind=SubscriberKind.HANDLER, position=self.position, since=NOW)
        rows = [self.rows[position] for position in sorted(self.rows)]
        return Ledger(subscriber, rows, interests=interests, ordered=ordered, exactly=exactly)


class World:
    """A log, a store, a consumer, and the books between them, which may be lost at any time."""

    def __init__(self, log: list[str], *, ordered: bool, exactly: bool = False) -> None:
        self.log: list[Any] = [Stored(number, name) for number, name in enumerate(log, start=1)]
        self.ordered, self.exactly = ordered, exactly
        self.store = Store()
        self.books = self.store.open(ordered=ordered, exactly=exactly)
        self.running: list[Job] = []
        self.got: list[int] = []
        self.dropped: set[int] = set()
        self.now = NOW

    def take(self) -> None:
        if self.books.read < len(self.log) and self.books.room > 0:
            self.books.take(self.log[self.books.read])

    def start(self, *, is_retry: bool) -> None:
        job = self.books.start_due(self.now) if is_retry else self.books.start_fresh()
        if job is not None:
            if self.ordered:
                assert job.lane.payment_id not in {each.lane.payment_id for each in self.running}
            self.running.append(job)

    def succeed(self, index: int) -> None:
        job = self.running.pop(index % len(self.running))
        self.got.append(job.position)
        self.books.delivered(job, self.now)

    def fail(self, index: int, *, is_dead: bool) -> None:
        job = self.running.pop(index % len(self.running))
        due_at = None if is_dead else self.now + timedelta(seconds=1)
        self.books.failed(job, tries=job.tries + 1, due_at=due_at, error="no", at=self.now)

    def save(self) -> None:
        progress = self.books.progress()
        assert (progress is not None) is self.books.has_progress
        if progress is not None:
            self.store.advance(progress)
            self.books.saved(progress)

    def crash(self) -> None:
        self.running.clear()
        self.books = self.store.open(ordered=self.ordered, exactly=self.exactly)

    def decide(self, *, is_drop: bool) -> None:
        dead = [position for position in range(1, len(self.log) + 1) if self.books.is_dead(position)]
        if dead and is_drop:
            self.books.drop(dead[0], self.now)
            self.dropped.add(dead[0])
            self.save()
        elif dead:
            self.books.replay(dead[0], self.now)

    def step(self, action: str, number: int) -> None:
        self.now += timedelta(seconds=number % 3)
        if action in {"succeed", "fail", "die"} and not self.running:
            return
        match action:
            case "take":
                self.take()
            case "start":
                self.start(is_retry=False)
            case "retry":
                self.start(is_retry=True)
            case "succeed":
                self.succeed(number)
            case "fail" | "die":
                self.fail(number, is_dead=action == "die")
            case "save":
                self.save()
            case "crash":
                self.crash()
            case "drop" | "replay":
                self.decide(is_drop=action == "drop")

    def finish(self) -> None:
        """Let everything succeed from now on."""
        for _ in range(20 * len(self.log) + 20):
            self.now += timedelta(seconds=2)
            self.take()
            self.decide(is_drop=False)
            self.start(is_retry=False)
            self.start(is_retry=True)
            while self.running:
                self.succeed(0)
        self.save()

    def check(self) -> None:
        assert set(self.got) | self.dropped == {stored.position for stored in self.log}
        assert (self.store.position, self.store.rows) == (len(self.log), {})
        assert (self.books.waiting, self.books.dead) == (0, 0)
        if self.ordered:
            for payment_id in {stored.payment_id for stored in self.log}:
                own = {stored.position for stored in self.log if stored.payment_id == payment_id}
                seen = [position for position in dict.fromkeys(self.got) if position in own]
                assert seen == sorted(seen)


ACTIONS = ("take", "take", "start", "start", "retry", "succeed", "succeed", "fail", "die", "save", "crash")
steps = st.lists(st.tuples(st.sampled_from((*ACTIONS, "drop", "replay")), st.integers(0, 5)), max_size=80)
logs = st.lists(st.sampled_from("abc"), min_size=1, max_size=12)


@pytest.mark.parametrize("ordered", [True, False])
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(log=logs, script=steps)
def test_whatever_happens_every_event_is_delivered_and_in_order(ordered, log, script):
    world = World(log, ordered=ordered)
    for action, number in script:
        world.step(action, number)
    world.finish()
    world.check()


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(log=logs, script=st.lists(st.sampled_from(("first", "retry", "fails", "dies", "crash", "lost")), max_size=30))
def test_what_commits_with_the_cursor_takes_effect_exactly_once(log, script):
    world = World(log, ordered=True, exactly=True)
    effects: list[int] = []
    for action in [*script, "crash", *["first", "retry"] * 30]:
        world.decide(is_drop=False)
        world.now += timedelta(seconds=2)
        for _ in log:
            world.take()
        if action == "crash":
            world.crash()
            continue
        world.start(is_retry=action == "retry")
        if not world.running:
            continue
        if action in {"fails", "dies"}:
            world.fail(0, is_dead=action == "dies")
            continue
        job = world.running.pop()
        progress = world.books.progress(delivered=job, effects=(("", ()),))
        assert progress is not None
        world.store.advance(progress)
        effects.append(job.position)
        if action == "lost":
            world.crash()
        else:
            world.books.delivered(job, world.now)
            world.books.saved(progress)
    world.save()
    assert sorted(effects) == [stored.position for stored in world.log]
    assert (world.store.position, world.store.rows) == (len(world.log), {})


def opened(log: str, *, ordered: bool = True) -> World:
    world = World(list(log), ordered=ordered)
    for _ in log:
        world.take()
    return world


def test_the_position_waits_for_the_oldest_that_is_not_delivered():
    world = opened("abc")
    for _ in range(3):
        world.start(is_retry=False)
    world.succeed(1)
    world.succeed(1)
    assert world.books.progress() is None
    world.succeed(0)
    world.save()
    assert world.store.position == 3


def test_the_position_passes_what_nobody_wants():
    world = World(list("aaa"), ordered=True)
    world.books = world.store.open(ordered=True, interests=Interests.parse("payment.failed"))
    for _ in range(3):
        world.take()
    world.save()
    assert (world.store.position, world.store.rows, world.books.ready) == (3, {}, 0)


def test_behind_a_failed_event_the_rest_of_its_payment_is_held():
    world = opened("aab")
    world.start(is_retry=False)
    world.fail(0, is_dead=False)
    world.save()
    due = [(row.position, row.due_at) for _, row in sorted(world.store.rows.items())]
    assert due == [(1, world.now + timedelta(seconds=1)), (2, None)]
    job = world.books.start_fresh()
    assert job is not None
    assert job.position == 3


def test_without_order_first_tries_of_a_payment_still_follow_each_other():
    world = opened("aaa", ordered=False)
    world.start(is_retry=False)
    assert world.books.start_fresh() is None
    world.fail(0, is_dead=False)
    world.start(is_retry=False)
    assert [job.position for job in world.running] == [2]


def test_a_row_that_was_written_before_the_position_reached_it_is_not_taken_twice():
    world = opened("ab")
    world.start(is_retry=False)
    world.start(is_retry=False)
    world.fail(1, is_dead=True)
    world.save()
    assert (world.store.position, list(world.store.rows)) == (0, [2])
    world.crash()
    world.take()
    world.take()
    assert (world.books.ready, world.books.dead, world.books.waiting) == (1, 1, 0)


def test_too_much_owed_stops_the_reading(monkeypatch):
    monkeypatch.setattr(ledger_module, "OWED_MAX", 2)
    world = opened("abcd")
    for _ in range(2):
        world.start(is_retry=False)
        world.fail(0, is_dead=True)
    assert world.books.room == 0
    world.books.drop(1, world.now)
    assert world.books.room > 0


def test_the_window_is_bounded(monkeypatch):
    monkeypatch.setattr(ledger_module, "WINDOW_MAX", 3)
    world = opened("abcdefgh")
    assert (world.books.read, world.books.room) == (3, 0)


def test_what_a_crash_may_repeat_is_bounded(monkeypatch):
    monkeypatch.setattr(ledger_module, "SPAN_MAX", 5)
    world = World(list("abbbbbbbb"), ordered=True)
    world.take()
    world.start(is_retry=False)
    for _ in range(8):
        world.take()
        world.start(is_retry=False)
        if len(world.running) > 1:
            world.succeed(1)
    assert (world.books.read, world.books.room) == (5, 0)


def test_a_delivered_event_can_be_handed_on_again_where_order_does_not_matter():
    world = opened("ab", ordered=False)
    for _ in range(2):
        world.start(is_retry=False)
        world.succeed(0)
    world.save()
    assert world.books.redeliver(world.log[0], world.now)
    assert world.books.redeliver(world.log[0], world.now)
    world.save()
    assert [row.state for row in world.store.rows.values()] == [DeliveryState.WAITING]
    world.start(is_retry=True)
    world.succeed(0)
    world.save()
    world.check()
    assert world.got == [1, 2, 1]


def test_handing_on_again_what_waits_uses_up_none_of_its_tries():
    world = opened("a", ordered=False)
    world.start(is_retry=False)
    for _ in range(3):
        world.fail(0, is_dead=False)
        world.save()
        assert world.books.redeliver(world.log[0], world.now)
        world.save()
        assert [row.tries for row in world.store.rows.values()] == [0]
        world.start(is_retry=True)
    assert [job.tries for job in world.running] == [0]


def test_where_order_matters_nothing_is_handed_on_again():
    world = opened("a")
    world.start(is_retry=False)
    world.succeed(0)
    world.save()
    assert not world.books.redeliver(world.log[0], world.now)


def test_a_retry_that_came_to_nothing_comes_again():
    world = opened("a")
    world.start(is_retry=False)
    world.books.given_back(world.running.pop(), world.now)
    world.start(is_retry=False)
    world.fail(0, is_dead=False)
    world.now += timedelta(seconds=1)
    world.start(is_retry=True)
    world.books.given_back(world.running.pop(), world.now)
    world.start(is_retry=True)
    world.succeed(0)
    world.save()
    world.check()
