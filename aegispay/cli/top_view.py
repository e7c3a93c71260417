"""What `aegispay top` knows at one moment: what the file says, and the picture of the engine, if one runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aegispay.domain.state import PaymentState
from aegispay.outbox.statuses import SubscriptionStatus, read_statuses
from aegispay.ports import Clock, Doubts
from aegispay.status.file import StatusReading, read_status
from aegispay.status.picture import EngineStatus
from aegispay.storage.sqlite import SqliteStore

_STALE_INTERVALS = 3
_STALE_MIN_S = 1.0
"""An engine whose pictures follow each other faster than this may still be busy for so long."""
_REST = 20
"""Counting the states of all payments takes time with their number: it may fill one twentieth of it."""


class Presence(StrEnum):
    """Whether an engine runs, as far as can be seen from outside.

    ``running``: it does. ``none``: there is no picture. ``silent``: it has not renewed its picture for some time.
    ``superseded``: the picture is of an engine whose database another one has opened since. ``unreadable``: there is a
    picture that cannot be read.
    """

    RUNNING = "running"
    NONE = "none"
    SILENT = "silent"
    SUPERSEDED = "superseded"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that a frame shows.

    Attributes:
        database: its name. at: when this was.
        presence: whether an engine runs; words: that in a sentence, with what to do; empty while one does.
        status: its picture; ``None`` unless one runs.
        states: number of payments by state. doubts: what is not known. parked, reviews: payments set aside, and how
            many of them wait for a review. events: the last position in the log.
        subscribers: how far each has got, as the file says.
    """

    database: str
    at: datetime
    presence: Presence
    words: str
    status: EngineStatus | None
    states: Mapping[PaymentState, int]
    doubts: Doubts
    parked: int
    reviews: int
    events: int
    subscribers: tuple[SubscriptionStatus, ...]


class Looker:
    """Looks at an open database again and again.

    Args:
        store: opened for reading.
        clock: what ages are measured with.
    """

    def __init__(self, store: SqliteStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._states: Mapping[PaymentState, int] = {}
        self._count_again_s = 0.0
        self._is_counted = False

    async def look(self) -> View:
        """Return what is true now.

        Raises:
            StoreError: the database cannot be read.
        """
        store, now = self._store, self._clock.now()
        presence, words, status = judge(read_status(store.path), now=now, epoch=await store.epoch())
        parked = await store.parked()
        return View(
            database=store.path.name,
            at=now,
            presence=presence,
            words=words,
            status=status,
            states=await self._count(),
            doubts=await store.doubts(),
            parked=len(parked),
            reviews=sum(each.is_review for each in parked),
            events=await store.end_position(),
            subscribers=await read_statuses(store, now),
        )

    async def _count(self) -> Mapping[PaymentState, int]:
        began_s = self._clock.monotonic()
        if not self._is_counted or began_s >= self._count_again_s:
            self._states = await self._store.count_states()
            ended_s = self._clock.monotonic()
            self._count_again_s = ended_s + _REST * (ended_s - began_s)
            self._is_counted = True
        return self._states


def judge(found: StatusReading, *, now: datetime, epoch: int) -> tuple[Presence, str, EngineStatus | None]:
    """Return whether an engine runs, a sentence if none does, and its picture if one does.

    Args:
        found: beside the database.
        now: the wall clock.
        epoch: of the engine that opened the database last.
    """
    status = found.status
    if status is None:
        if found.problem:
            return Presence.UNREADABLE, f"{found.problem}: whether an engine runs is not known", None
        return Presence.NONE, "no engine runs, or one whose status_interval_s is 0", None
    if status.epoch != epoch:
        words = f"process {status.pid} on {status.host} has lost the database to another engine, which shows no status"
        return Presence.SUPERSEDED, words, None
    # A picture from the future is as old as one from the past: the clock was set.
    age = abs(now - status.written_at)
    if age > timedelta(seconds=max(_STALE_MIN_S, _STALE_INTERVALS * status.interval_s)):
        words = f"no engine runs: process {status.pid} on {status.host} ended or hangs, last seen {age_of(age)} ago"
        return Presence.SILENT, words, None
    return Presence.RUNNING, "", status


def age_of(age: timedelta | float) -> str:
    """Return a duration in its two largest units, such as ``2 h 13 min``."""
    seconds = age.total_seconds() if isinstance(age, timedelta) else age
    whole = max(0, int(seconds))
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {unit} {rest} {smaller}" if rest else f"{whole // size:,} {unit}"
    return f"{whole} s"
