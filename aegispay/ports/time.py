"""The port to time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return the wall clock, aware UTC; for records and durable deadlines."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards; for durations within the process."""
        ...
