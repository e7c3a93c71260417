"""How far each subscriber has got, for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aegispay.delivery_errors import UnreadableEventError
from aegispay.outbox.definition import Definition
from aegispay.outbox.tally import Tally
from aegispay.ports import EventStore
from aegispay.ports.outbox import DeliveryCounts, Subscriber, SubscriberKind


class SubscriptionState(StrEnum):
    """What a subscription is doing.

    ``paused``: its consumer seems to be down, and one event is tried now and then. ``disabled``: nothing is handed on
    until somebody enables it. ``absent``: it has a cursor, but nobody has subscribed under its name in this process.
    """

    RUNNING = "running"
    PAUSED = "paused"
    DISABLED = "disabled"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStatus:
    """One subscription at a glance.

    Attributes:
        patterns: the events it wants, as they were written; empty for one that is absent.
        position: everything up to here is delivered, was not wanted, or is owed. end: the last position in the log.
        lag_events: events behind its position, those nobody may want included.
        lag_s: how long ago the first of them was committed; 0.0 when there is none.
        waiting: events owed that will be tried again. dead: dead letters.
        delivered: tries that succeeded since the engine was opened. failed: those in vain.
        last_error: why the last try in vain failed; empty when none has.
        disabled: why it is disabled; empty when it is not.
        since: when the name was first used.
    """

    name: str
    kind: SubscriberKind
    state: SubscriptionState
    position: int
    end: int
    lag_events: int
    lag_s: float
    waiting: int = 0
    dead: int = 0
    delivered: int = 0
    failed: int = 0
    running: int = 0
    patterns: tuple[str, ...] = ()
    last_error: str = ""
    disabled: str = ""
    paused_until: datetime | None = None
    since: datetime


async def read_statuses(
    store: EventStore, now: datetime, known: dict[str, tuple[Definition, Tally]] | None = None
) -> tuple[SubscriptionStatus, ...]:
    """Return how every subscriber in the store stands, by name.

    Args:
        store: where the cursors are.
        now: what lag is measured against.
        known: those that are running here.
    """
    running = {} if known is None else known
    subscribers = await store.subscribers()
    counts = await store.count_deliveries()
    end = await store.end_position()
    lags_s: dict[int, float] = {}
    for position in {each.position for each in subscribers if each.position < end}:
        since = await _recorded_after(store, position)
        lags_s[position] = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    return tuple(
        _status(each, end, lags_s.get(each.position, 0.0), counts.get(each.name), running.get(each.name))
        for each in subscribers
    )


async def _recorded_after(store: EventStore, position: int) -> datetime | None:
    try:
        first = await store.read_all(after=position, limit=1)
    except UnreadableEventError as error:
        return error.recorded_at
    return first[0].recorded_at if first else None


def _status(
    subscriber: Subscriber,
    end: int,
    lag_s: float,
    counts: DeliveryCounts | None,
    known: tuple[Definition, Tally] | None,
) -> SubscriptionStatus:
    definition, tally = known if known is not None else (None, Tally())
    owed = counts if counts is not None else DeliveryCounts()
    return SubscriptionStatus(
        name=subscriber.name,
        kind=subscriber.kind,
        state=_state(subscriber, known),
        position=subscriber.position,
        end=end,
        lag_events=max(0, end - subscriber.position),
        lag_s=lag_s,
        waiting=owed.waiting,
        dead=owed.dead,
        delivered=tally.delivered,
        failed=tally.failed,
        running=tally.running,
        patterns=() if definition is None else definition.interests.patterns,
        last_error=tally.last_error,
        disabled=subscriber.disabled,
        paused_until=tally.paused_until,
        since=subscriber.since,
    )


def _state(subscriber: Subscriber, known: tuple[Definition, Tally] | None) -> SubscriptionState:
    if subscriber.disabled:
        return SubscriptionState.DISABLED
    if known is None:
        return SubscriptionState.ABSENT
    return SubscriptionState.RUNNING if known[1].paused_until is None else SubscriptionState.PAUSED
