"""The real clock. Everything else takes its time from the `Clock` port."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall clock, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the port's real adapter

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()  # noqa: TID251 - this is the port's real adapter
