"""What is known of a subscription while it runs; it outlives the actor's incarnations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Tally:
    """Numbers and notes of one subscription, kept by its actor and read by whoever asks.

    Attributes:
        is_woken: whether a message that makes it look is on its way.
        position: as the store has it.
        delivered: how often a try succeeded, since the engine was opened. failed: how often one did not.
        last_error: why the last try in vain failed, or why the store could not be reached.
        paused_until: when to try one event; ``None`` while it is not paused.
        disabled: why nothing is handed on; empty while it is.
        done_at: when an event was delivered last.
    """

    is_woken: bool = False
    position: int = 0
    running: int = 0
    waiting: int = 0
    dead: int = 0
    delivered: int = 0
    failed: int = 0
    last_error: str = ""
    paused_until: datetime | None = None
    disabled: str = ""
    done_at: datetime | None = None
