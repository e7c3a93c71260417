"""Structured logging that fits into the host: its structlog set-up if it has one, the standard library's otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aegispay.domain.ids import is_payment_id
from aegispay.observability.lines import LineLogger
from aegispay.observability.sampling import Repeats, SampledLogger
from aegispay.observability.stdlib import redact_own_loggers
from aegispay.supervision.report import Action, Report

redact_own_loggers()


def logger(name: str = "aegispay") -> LineLogger:
    """Return a logger.

    Where the host has configured structlog, its lines go there. Otherwise they go to the standard library's logger of
    the same name, so that the host's levels and handlers decide what is seen. Either way they are redacted first.
    """
    return LineLogger(name)


def sampled(now_s: Callable[[], float], name: str = "aegispay") -> SampledLogger:
    """Return a logger for what may happen a thousand times a second: of lines that repeat, fewer and fewer are written.

    Args:
        now_s: the engine's monotonic clock, in seconds.
        name: as for `logger`.
    """
    return SampledLogger(name, repeats=Repeats(now_s))


_BAD = frozenset({Action.CRASHED, Action.EXHAUSTED, Action.GAVE_UP})


def log_report(report: Report) -> None:
    """Write a supervisor's report: crashes as errors, the rest for whoever looks closely."""
    log = logger("aegispay.supervision")
    write = log.error if report.action in _BAD else log.debug
    about: dict[str, Any] = {"payment_id": report.child} if is_payment_id(report.child) else {}
    write(
        report.action.value,
        supervisor=report.supervisor,
        child=report.child,
        cause=report.cause,
        restarts=report.restarts,
        delay_s=round(report.delay_s, 3),
        **about,
    )
