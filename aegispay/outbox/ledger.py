"""What one subscriber has got and still owes, in memory; it says what to write, and what to hand on next."""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import count

from aegispay.domain.deliveries.interests import Interests
from aegispay.outbox.lanes import Job, Lane, Logged, Owed, Unreadable
from aegispay.ports import StoredEvent
from aegispay.ports.outbox import Delivery, DeliveryState, Effect, Progress, Subscriber, WebhookAttempt

WINDOW_MAX = 1_000
"""Events in memory that are not handed on yet."""
SPAN_MAX = 10_000
"""Events from the oldest that is being handed over to the newest: a crash repeats no more than these."""
OWED_MAX = 100_000
"""Deliveries owed; beyond them, nothing more is taken from the log until some are delivered, replayed or dropped."""


class Ledger:
    """The books of one subscriber. Pure: it reads no clock and writes nothing.

    Args:
        subscriber: as the store has it. deliveries: all of its rows, by position.
        ordered: whether a payment's events wait for each other.
        exactly: whether no event may be handed over again that was delivered, whatever happens.

    Attributes:
        position: as the store has it. read: the last event taken from the log.
        waiting: how many deliveries are owed, dead letters not counted.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        deliveries: Iterable[Delivery],
        *,
        interests: Interests,
        ordered: bool,
        exactly: bool = False,
    ) -> None:
        self._name = subscriber.name
        self._interests = interests
        self._ordered = ordered
        self._exactly = exactly
        self._fresh: dict[str, Lane] = {}
        self._lanes: dict[str | int, Lane] = {}
        self._ready: list[tuple[int, Lane]] = []
        self._due: list[tuple[datetime, int, int, Lane]] = []
        self._calls = count()
        self._open: OrderedDict[int, None] = OrderedDict()
        self._dead: dict[int, Lane] = {}
        self._puts: dict[int, tuple[Delivery, Owed]] = {}
        self._done: dict[int, None] = {}
        self._attempts: list[WebhookAttempt] = []
        self._settled: dict[str | int, int] = {}
        self._owed = 0
        self.position = self.read = subscriber.position
        for delivery in deliveries:
            self._restore(delivery, subscriber.since)

    def _restore(self, delivery: Delivery, long_ago: datetime) -> None:
        is_dead = delivery.state is DeliveryState.DEAD
        owed = Owed(delivery.position, delivery.tries, delivery.due_at, is_dead, is_kept=True)
        lane = self._lane(delivery.position, delivery.payment_id)
        is_first = not lane.owed
        lane.owed.append(owed)
        self._owed += 1
        if delivery.position > self.position:
            # It was tried, so everything before it in its lane had been settled.
            self._settled[lane.key] = delivery.position
        if is_first and is_dead:
            self._dead[delivery.position] = lane
        elif is_first:
            # What it waited for may have been settled, and the process ended before anybody looked at it.
            self._call_at(lane, delivery.due_at or long_ago)

    # --- taking from the log ------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more events may be taken now."""
        if self._owed >= OWED_MAX:
            return 0
        return min(WINDOW_MAX - len(self._open), SPAN_MAX - (self.read - self._reached()))

    @property
    def ready(self) -> int:
        """How many events could be handed on now for the first time."""
        return len(self._ready)

    @property
    def dead(self) -> int:
        """How many dead letters there are."""
        return len(self._dead)

    @property
    def waiting(self) -> int:
        """How many deliveries are owed, dead letters not counted."""
        return self._owed - len(self._dead)

    def take(self, stored: Logged) -> None:
        """Take the next event of the log."""
        self.read = stored.position
        kind = stored.type if isinstance(stored, Unreadable) else stored.event.type
        if kind is not None and not self._interests.wants(kind):
            return
        if self._settled and stored.position <= self._settled.get(self._key(stored.position, stored.payment_id), 0):
            return
        payment_id = stored.payment_id
        if self._ordered and payment_id in self._lanes:
            self._hold(self._lanes[payment_id], stored.position)
            return
        self._open[stored.position] = None
        lane = self._fresh.get(payment_id)
        if lane is None:
            lane = self._fresh[payment_id] = Lane(payment_id, payment_id)
        lane.fresh.append(stored)
        if len(lane.fresh) == 1:
            self._make_ready(lane)

    def fresh_of(self, payment_ids: Collection[str]) -> list[str]:
        """Return those of the payments of which events are in memory."""
        return [payment_id for payment_id in self._fresh if payment_id in payment_ids]

    def renew(self, payment_id: str, events: Iterable[StoredEvent]) -> None:
        """Put a payment's events, as they are read now, in the place of those in memory."""
        renewed = {stored.position: stored for stored in events}
        lane = self._fresh[payment_id]
        lane.fresh = deque(renewed[stored.position] for stored in lane.fresh)

    def blank_errors(self, payment_ids: Collection[str]) -> None:
        """Write nothing of what was said about the events of these payments."""
        for position, (delivery, owed) in self._puts.items():
            if delivery.payment_id in payment_ids:
                self._puts[position] = (replace(delivery, error=""), owed)

    def _key(self, position: int, payment_id: str) -> str | int:
        return payment_id if self._ordered else position

    def _lane(self, position: int, payment_id: str) -> Lane:
        key = self._key(position, payment_id)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, payment_id)
        return lane

    def _hold(self, lane: Lane, position: int) -> None:
        owed = Owed(position)
        lane.owed.append(owed)
        self._owed += 1
        self._put(lane, owed)

    # --- handing on ---------------------------------------------------------------------------------

    def start_fresh(self) -> Job | None:
        """Begin the first try of the next event; one after the other, they come in the order of the log."""
        if not self._ready:
            return None
        _, lane = heapq.heappop(self._ready)
        lane.is_running = True
        stored = lane.fresh[0]
        return Job(lane, stored.position, stored=stored)

    def start_due(self, now: datetime) -> Job | None:
        """Begin another try of what has been due longest."""
        due_at = self.next_due()
        if due_at is None or due_at > now:
            return None
        if self._exactly and self._due[0][1] > self._reached():
            # Once its row is gone, only the position can say that it was delivered.
            return None
        _, position, _, lane = heapq.heappop(self._due)
        lane.is_running = True
        return Job(lane, position, lane.owed[0].tries)

    def next_due(self) -> datetime | None:
        """Return when another try is due."""
        while self._due:
            due_at, position, _, lane = self._due[0]
            head = lane.owed[0] if lane.owed and not lane.is_running else None
            if head is not None and (head.due_at, head.position) == (due_at, position):
                return due_at
            # What it was put here for has changed since.
            heapq.heappop(self._due)
        return None

    def delivered(self, job: Job, now: datetime) -> None:
        """A try succeeded."""
        lane = job.lane
        lane.is_running = False
        if job.is_retry:
            self._settle_first(lane, now)
            return
        self._leave_fresh(lane)
        self._go_on(lane)

    def _leave_fresh(self, lane: Lane) -> int:
        position = lane.fresh.popleft().position
        del self._open[position]
        return position

    def _go_on(self, lane: Lane) -> None:
        if lane.fresh:
            self._make_ready(lane)
        else:
            del self._fresh[lane.payment_id]

    def _make_ready(self, lane: Lane) -> None:
        heapq.heappush(self._ready, (lane.fresh[0].position, lane))

    def failed(self, job: Job, *, tries: int, due_at: datetime | None, error: str, at: datetime) -> None:
        """A try was in vain; without a time for the next one, the event is a dead letter."""
        lane = job.lane
        lane.is_running = False
        if not job.is_retry:
            lane = self._move(lane)
        owed = lane.owed[0]
        owed.tries, owed.due_at, owed.is_dead = tries, due_at, due_at is None
        self._put(lane, owed, due_at=due_at, error=error, at=at)
        if due_at is None:
            self._dead[job.position] = lane
        else:
            self._call_at(lane, due_at)

    def _move(self, fresh: Lane) -> Lane:
        """Put the first of a lane among what is owed, and where order matters, the others behind it."""
        position = self._leave_fresh(fresh)
        lane = self._lane(position, fresh.payment_id)
        lane.owed.append(Owed(position))
        self._owed += 1
        while self._ordered and fresh.fresh:
            self._hold(lane, self._leave_fresh(fresh))
        self._go_on(fresh)
        return lane

    def given_back(self, job: Job, now: datetime) -> None:
        """A try came to nothing, which says nothing about the event: it comes again first."""
        job.lane.is_running = False
        if job.is_retry:
            self._call_at(job.lane, now)
        else:
            self._make_ready(job.lane)

    def note(self, attempts: Iterable[WebhookAttempt]) -> None:
        """Add lines to the delivery log."""
        self._attempts.extend(attempts)

    # --- what operators do --------------------------------------------------------------------------

    def is_dead(self, position: int) -> bool:
        """Return whether there is this dead letter."""
        return position in self._dead

    def replay(self, position: int, now: datetime) -> None:
        """Try a dead letter again, as if it were new."""
        lane = self._dead.pop(position)
        owed = lane.owed[0]
        owed.tries, owed.is_dead = 0, False
        self._put(lane, owed, due_at=now)
        self._call_at(lane, now)

    def drop(self, position: int, now: datetime) -> None:
        """Give a dead letter up: those behind it go on."""
        self._settle_first(self._dead.pop(position), now)

    def redeliver(self, stored: StoredEvent, now: datetime) -> bool:
        """Hand an event on once more that was delivered; return whether it is owed now.

        It needs a subscriber to whom order does not matter. What is still to be delivered anyhow is left as it is.
        """
        if self._ordered or stored.position > self._reached():
            return False
        lane = self._lane(stored.position, stored.payment_id)
        if lane.is_running:
            return True
        if lane.owed:
            # As if it were new: what somebody asks for uses up none of the tries that the schedule has.
            self._dead.pop(stored.position, None)
            lane.owed[0].is_dead, lane.owed[0].tries = False, 0
        else:
            is_kept = stored.position in self._done
            self._done.pop(stored.position, None)
            lane.owed.append(Owed(stored.position, is_kept=is_kept))
            self._owed += 1
        self._put(lane, lane.owed[0], due_at=now)
        self._call_at(lane, now)
        return True

    def _settle_first(self, lane: Lane, now: datetime) -> None:
        owed = lane.owed.popleft()
        self._owed -= 1
        self._puts.pop(owed.position, None)
        if owed.is_kept:
            self._done[owed.position] = None
        if not lane.owed:
            del self._lanes[lane.key]
        elif lane.owed[0].is_dead:
            self._dead[lane.owed[0].position] = lane
        else:
            self._call_at(lane, now)

    def _call_at(self, lane: Lane, due_at: datetime) -> None:
        lane.owed[0].due_at = due_at
        heapq.heappush(self._due, (due_at, lane.owed[0].position, next(self._calls), lane))

    def _put(
        self, lane: Lane, owed: Owed, *, due_at: datetime | None = None, error: str = "", at: datetime | None = None
    ) -> None:
        delivery = Delivery(
            subscriber=self._name,
            position=owed.position,
            payment_id=lane.payment_id,
            state=DeliveryState.DEAD if owed.is_dead else DeliveryState.WAITING,
            tries=owed.tries,
            due_at=due_at,
            error=error,
            failed_at=at,
        )
        self._puts[owed.position] = (delivery, owed)

    # --- writing it down ----------------------------------------------------------------------------

    @property
    def is_changed(self) -> bool:
        """Whether more than the position has to be written."""
        return bool(self._puts or self._done or self._attempts)

    @property
    def has_progress(self) -> bool:
        """Whether anything has to be written."""
        return self.is_changed or self._reached() != self.position

    def progress(self, *, delivered: Job | None = None, effects: tuple[Effect, ...] = ()) -> Progress | None:
        """Return what has to be written, if anything; after it was, `saved` has to be called.

        Args:
            delivered: a job to be counted as delivered, which `delivered` has not been told of yet.
            effects: statements to be executed with it.
        """
        done, put = list(self._done), dict(self._puts)
        if delivered is not None and delivered.is_retry:
            put.pop(delivered.position, None)
            if delivered.lane.owed[0].is_kept:
                done.append(delivered.position)
        position = self._reached(delivered)
        if position == self.position and not (effects or done or put or self._attempts):
            return None
        return Progress(
            subscriber=self._name,
            expected_position=self.position,
            position=position,
            put=tuple(delivery for delivery, _ in put.values()),
            done=tuple(done),
            effects=effects,
            attempts=tuple(self._attempts),
        )

    def saved(self, progress: Progress) -> None:
        """Everything of this progress is in the store; nothing but `delivered` has changed since it was made."""
        self.position = progress.position
        for _, owed in self._puts.values():
            owed.is_kept = True
        self._puts.clear()
        self._done.clear()
        self._attempts.clear()

    def is_next(self, job: Job) -> bool:
        """Return whether all events of the log before it are settled or owed."""
        return job.position <= self._reached() + 1

    def _reached(self, delivered: Job | None = None) -> int:
        """Return up to where everything is delivered, not wanted, or owed."""
        still_open = iter(self._open)
        first = next(still_open, None)
        if delivered is not None and first == delivered.position:
            first = next(still_open, None)
        return self.read if first is None else first - 1
