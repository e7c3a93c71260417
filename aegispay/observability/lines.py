"""One face for log lines: the host's structlog if it has one, the standard library's loggers otherwise."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Self

import structlog

from aegispay.observability.redaction import redact_event

RECORD_FIELDS = "aegispay"
"""Under this name a record of the standard library carries the line's fields, for handlers that write JSON."""

_render = structlog.processors.KeyValueRenderer(key_order=["event"])
_METHODS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}
_STACK_LEVEL = 4
"""Frames from where a record is made up to the line of code that asked for it."""


class LineLogger:
    """Writes lines with what is bound to them; never raises, and lets nothing through that must not be shown.

    Where lines go is looked up for each one, so that a host may set up its logging before or after the engine starts.
    """

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str, fields: dict[str, Any] | None = None) -> None:
        self._name = name
        self._fields = {} if fields is None else fields

    def bind(self, **fields: Any) -> Self:
        """Return a logger whose lines have these fields too. Nothing else remembers them: no context variable does."""
        return type(self)(self._name, {**self._fields, **fields})

    def debug(self, event: str, **fields: Any) -> None:
        """Write what only a close look needs."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Write what is worth knowing afterwards."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Write what went wrong and was dealt with."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Write what somebody has to look at."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        try:
            if self._is_wanted(level, event, fields):
                _write(self._name, level, {"event": event, **self._fields, **fields})
        except Exception as error:  # noqa: BLE001 - the host's logging may be broken; a payment must not notice
            _say_lost(event, error)

    def _is_wanted(self, _level: int, _event: str, _fields: dict[str, Any]) -> bool:
        return True


def _write(name: str, level: int, line: dict[str, Any]) -> None:
    if structlog.is_configured():
        _to_structlog(name, level, line)
        return
    log = logging.getLogger(name)
    if log.isEnabledFor(level):
        redacted = redact_event(None, "", line)
        message = str(_render(None, "", dict(redacted)))
        log.log(level, "%s", message, extra={RECORD_FIELDS: redacted}, stacklevel=_STACK_LEVEL)


def _to_structlog(name: str, level: int, line: dict[str, Any]) -> None:
    target = structlog.get_logger(name).bind()
    if isinstance(target, structlog.stdlib.AsyncBoundLogger):
        # Its methods are coroutines that nobody here would await.
        target = target.sync_bl
    redacted = redact_event(None, "", line)
    event = redacted.pop("event")
    getattr(target, _METHODS[level])(event, **redacted)


def _say_lost(event: str, error: Exception) -> None:
    with contextlib.suppress(Exception):
        logging.getLogger("aegispay").error("the log line %s was lost: %s", event, type(error).__name__)
