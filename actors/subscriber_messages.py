"""What a subscriber is sent."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.actors import ControlMessage
from aegispay.ports import StoredEvent


@dataclass(frozen=True, slots=True)
class Look(ControlMessage):
    """There may be something to do.

    Attributes:
        is_poll: whether it is only because nobody has said anything for a while.
    """

    is_poll: bool = False


@dataclass(frozen=True, slots=True)
class ReplayDeadLetter:
    """Try a dead letter again, as if it were new; the reply is `DeadLetterNotFoundError` when there is none."""

    position: int


@dataclass(frozen=True, slots=True)
class DropDeadLetter:
    """Give a dead letter up; the reply is `DeadLetterNotFoundError` when there is none."""

    position: int


@dataclass(frozen=True, slots=True)
class Redeliver:
    """Hand events on once more that were delivered; the reply is how many are owed now."""

    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """Keep nothing in memory of what these payments' events said until now: some of it was erased."""

    payment_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class SetDisabled:
    """Hand nothing on any more for this cause; an empty one enables it again."""

    cause: str
