"""Where the runtime takes the wall clock from; durations are the event loop's own time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of wall-clock time."""

    def now(self) -> datetime:
        """Return the wall clock, aware UTC."""
        ...
