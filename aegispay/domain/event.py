"""What all facts have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from aegispay.domain.event_type import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about a payment, in the past tense, as it is stored. It can never be refused.

    Attributes:
        at: when it happened, aware UTC, from the engine's clock.
    """

    schema_version: ClassVar[int] = 1
    at: datetime

    @property
    def type(self) -> EventType:
        """The stored name of this fact."""
        raise NotImplementedError
