"""Every action of a supervisor as data: the log, the metrics and the tests read the same stream."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a supervisor did, or saw."""

    STARTED = "started"
    CRASHED = "crashed"
    RESTARTING = "restarting"
    RESTARTED = "restarted"
    STOPPED = "stopped"
    EXHAUSTED = "exhausted"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One action.

    Attributes:
        at_s: seconds of the loop's clock.
        cause: the exception's type, never its message, which may hold private data.
        restarts: restarts that count in the window.
        delay_s: pause before the restart.
    """

    at_s: float
    supervisor: str
    child: str
    action: Action
    cause: str | None = None
    restarts: int = 0
    delay_s: float = 0.0


Sink = Callable[[Report], None]


def ignore(_report: Report) -> None:
    """Drop the report."""


class Reporter:
    """What a supervisor reports through: a sink that fails is the sink's problem, never the tree's."""

    def __init__(self, supervisor: str, sink: Sink, now: Callable[[], float]) -> None:
        self._supervisor = supervisor
        self._sink = sink
        self._now = now

    def __call__(
        self,
        action: Action,
        child: str,
        *,
        cause: BaseException | None = None,
        restarts: int = 0,
        delay_s: float = 0.0,
    ) -> None:
        """Report one action."""
        report = Report(
            at_s=self._now(),
            supervisor=self._supervisor,
            child=child,
            action=action,
            cause=None if cause is None else type(cause).__name__,
            restarts=restarts,
            delay_s=delay_s,
        )
        try:
            self._sink(report)
        except Exception:
            logging.getLogger("pykka").exception("a report of %s was lost", self._supervisor)


class RecentReports:
    """Keeps the latest reports in memory."""

    def __init__(self, *, capacity: int = 1_000) -> None:
        self._reports: deque[Report] = deque(maxlen=capacity)

    def __call__(self, report: Report) -> None:
        """Keep one."""
        self._reports.append(report)

    def latest(self) -> tuple[Report, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._reports)
