"""Structured logging that fits into the host: its structlog set-up if it has one, the standard library's otherwise."""

from __future__ import annotations

import logging
from typing import Any

import structlog

from aegispay.supervision.report import Action, Report


def logger(name: str = "aegispay") -> Any:
    """Return a structlog logger.

    Where the host has configured structlog, that is used as it is. Otherwise lines go to the standard library's
    logger of the same name, so that the host's levels and handlers decide what is seen.
    """
    if structlog.is_configured():
        return structlog.get_logger(name)
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.processors.KeyValueRenderer(key_order=["event"])],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


_BAD = frozenset({Action.CRASHED, Action.EXHAUSTED, Action.GAVE_UP})


def log_report(report: Report) -> None:
    """Write a supervisor's report: crashes as errors, the rest for whoever looks closely."""
    log = logger("aegispay.supervision")
    write = log.error if report.action in _BAD else log.debug
    write(
        report.action.value,
        supervisor=report.supervisor,
        child=report.child,
        cause=report.cause,
        restarts=report.restarts,
        delay_s=round(report.delay_s, 3),
    )
