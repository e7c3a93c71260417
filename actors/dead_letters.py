"""Messages nobody will handle: counted, and the latest kept by type, never by content."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from aegispay.actors.clock import Clock


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One undelivered message."""

    message_type: str
    target: str
    reason: str
    at: datetime


class DeadLetters:
    """The latest `capacity` dead letters and a count of all."""

    def __init__(self, clock: Clock, *, capacity: int) -> None:
        self._clock = clock
        self._letters: deque[DeadLetter] = deque(maxlen=capacity)
        self._lock = Lock()
        self.count = 0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._letters)

    def add(self, message: object, target: str, reason: str) -> None:
        """Keep one; from any thread."""
        letter = DeadLetter(type(message).__name__, target, reason, self._clock.now())
        with self._lock:
            self.count += 1
            self._letters.append(letter)

    def latest(self) -> tuple[DeadLetter, ...]:
        """Return what is kept, oldest first."""
        with self._lock:
            return tuple(self._letters)
