"""What waits for its turn, in lanes: what stands in one is handed on one after the other."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from aegispay.delivery_errors import UnreadableEventError
from aegispay.domain.event_type import EventType
from aegispay.ports import StoredEvent

_TYPES = {each.value: each for each in EventType}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in the place of an event that cannot be read, so that those behind it can go on.

    Attributes:
        type: what it was; ``None`` when that is not known either.
        error: why it cannot be read: the kind of error and its words.
    """

    position: int
    payment_id: str
    event_id: str
    type: EventType | None
    error: str

    @classmethod
    def of(cls, error: UnreadableEventError) -> Unreadable:
        """Return what stands for the event."""
        known = _TYPES.get(error.event_type)
        return cls(error.position, error.payment_id, error.event_id, known, f"{type(error).__name__}: {error}")


Logged = StoredEvent | Unreadable
"""What stands at a position of the log."""


@dataclass(slots=True)
class Owed:
    """An event that the subscriber's position has passed and that is not delivered.

    Attributes:
        due_at: ``None`` behind an earlier one, and for a dead letter.
        is_kept: whether its row is in the store.
    """

    position: int
    tries: int = 0
    due_at: datetime | None = None
    is_dead: bool = False
    is_kept: bool = False


@dataclass(slots=True, eq=False)
class Lane:
    """Events that are handed on one after the other: either never tried, or owed.

    Attributes:
        key: the payment; for what is owed without regard to order, the event's position.
        is_running: whether the first of them is being handed over now.
    """

    key: str | int
    payment_id: str
    is_running: bool = False
    owed: deque[Owed] = field(default_factory=deque)
    fresh: deque[Logged] = field(default_factory=deque)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One try.

    Attributes:
        tries: how often it was tried in vain before.
        stored: the event; ``None`` when it has to be read again.
    """

    lane: Lane
    position: int
    tries: int = 0
    stored: Logged | None = None

    @property
    def is_retry(self) -> bool:
        """Whether it was tried, or held back, before."""
        return self.stored is None
