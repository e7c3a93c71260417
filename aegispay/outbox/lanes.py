"""What waits for its turn, in lanes: what stands in one is handed on one after the other."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from aegispay.ports import StoredEvent


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
    fresh: deque[StoredEvent] = field(default_factory=deque)


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
    stored: StoredEvent | None = None

    @property
    def is_retry(self) -> bool:
        """Whether it was tried, or held back, before."""
        return self.stored is None
