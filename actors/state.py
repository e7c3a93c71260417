"""Whether an actor is there for its messages."""

from __future__ import annotations

from enum import StrEnum


class CellState(StrEnum):
    """Whether messages are handled: `SUSPENDED` keeps them for the next incarnation."""

    READY = "ready"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
