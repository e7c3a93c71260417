"""Which events are to be posted once more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aegispay.domain.card_data import shown
from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.ids import is_payment_id
from aegispay.errors import FieldError, ValidationError
from aegispay.ports import EventStore, StoredEvent

CHOSEN_MAX = 10_000
"""Events of one replay; more come in further calls."""
_PAGE = 1_000
_EVENT_ID = re.compile(r"(pay_[0-9a-z]{26})-([1-9][0-9]{0,8})")
_HINT = "The delivery log and `aegispay events` show event ids and positions."


@dataclass(frozen=True, slots=True)
class Chosen:
    """Events that were asked for.

    Attributes:
        more_after: the position behind which there are more of them; ``None`` when these are all.
    """

    events: tuple[StoredEvent, ...]
    more_after: int | None = None


async def choose(
    store: EventStore,
    *,
    event_ids: Sequence[str],
    since: datetime | int | None,
    interests: Interests,
    limit: int,
) -> Chosen:
    """Return the events of these ids, or those since a moment or behind a position.

    Raises:
        ValidationError: neither or both were named, or one of them cannot be.
    """
    if bool(event_ids) == (since is not None):
        raise _refused("event_ids", "name events by their ids, or a moment or position since when")
    if type(limit) is not int or not 1 <= limit <= CHOSEN_MAX:
        raise _refused("limit", f"use a whole number from 1 to {CHOSEN_MAX}", limit)
    if since is None:
        return Chosen(await _by_id(store, event_ids))
    return await _since(store, await _position(store, since), interests, limit)


async def _by_id(store: EventStore, event_ids: Sequence[str]) -> tuple[StoredEvent, ...]:
    if isinstance(event_ids, str) or len(event_ids) > CHOSEN_MAX:
        raise _refused("event_ids", f"use a list of at most {CHOSEN_MAX} ids")
    wanted: list[tuple[str, int]] = []
    for number, event_id in enumerate(event_ids):
        parts = _EVENT_ID.fullmatch(event_id) if isinstance(event_id, str) else None
        if parts is None or not is_payment_id(parts[1]):
            raise _refused(f"event_ids[{number}]", "is no id of an event", event_id)
        wanted.append((parts[1], int(parts[2])))
    found = await store.load_many(list(dict.fromkeys(payment_id for payment_id, _ in wanted)))
    chosen: dict[int, StoredEvent] = {}
    for number, (payment_id, version) in enumerate(wanted):
        events = found.get(payment_id, ())
        if version > len(events):
            raise _refused(f"event_ids[{number}]", "there is no such event", event_ids[number])
        chosen[events[version - 1].position] = events[version - 1]
    return tuple(chosen[position] for position in sorted(chosen))


async def _since(store: EventStore, after: int, interests: Interests, limit: int) -> Chosen:
    chosen: list[StoredEvent] = []
    while page := await store.read_all(after=after, limit=_PAGE):
        for stored in page:
            if interests.wants(stored.event.type):
                if len(chosen) == limit:
                    return Chosen(tuple(chosen), more_after=after)
                chosen.append(stored)
            after = stored.position
    return Chosen(tuple(chosen))


async def _position(store: EventStore, since: datetime | int) -> int:
    """Return the position behind which a moment begins."""
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise _refused("since", "say in which zone the moment is meant", since.isoformat())
        return await _last_before(store, since)
    if type(since) is not int or not 0 <= since < 2**63:
        raise _refused("since", "use a moment, or a position of the log", since)
    return since


async def _last_before(store: EventStore, moment: datetime) -> int:
    """Return the last position that was recorded before a moment, by halving: the log is in the order of time."""
    low, high = 0, await store.end_position()
    while low < high:
        middle = (low + high + 1) // 2
        (stored,) = await store.read_all(after=middle - 1, limit=1)
        if stored.recorded_at < moment:
            low = middle
        else:
            high = middle - 1
    return low


def _refused(field: str, message: str, value: object = None) -> ValidationError:
    return ValidationError([FieldError(field, message, None if value is None else shown(value))], hint=_HINT)
