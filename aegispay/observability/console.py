"""Logging for a program that has none of its own: one handler, JSON or for people."""

from __future__ import annotations

import json as json_format
import logging
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from aegispay.errors import EngineStateError
from aegispay.observability.lines import RECORD_FIELDS
from aegispay.observability.redaction import redact, redact_text
from aegispay.observability.stdlib import RedactingFilter

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LineFormatter(logging.Formatter):
    """Writes each record as one line: a JSON object, or columns for people."""

    def __init__(self, *, json: bool, colors: bool = False) -> None:
        super().__init__()
        self._is_json = json
        self._console = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows it, or stands in the object under ``exception``."""
        line = self._line(record)
        if self._is_json:
            return json_format.dumps(line, default=_text, ensure_ascii=False)
        return str(self._console(None, "", line))

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        fields = getattr(record, RECORD_FIELDS, None)
        line = dict(fields) if isinstance(fields, dict) else {"event": record.getMessage()}
        line |= {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        exception = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        if exception:
            line["exception"] = exception
        if record.stack_info:
            line["stack"] = record.stack_info
        return line


def _text(value: object) -> str:
    return str(redact(value))


class _ConsoleHandler(logging.StreamHandler[TextIO]):
    """The one handler that `configure_logging` adds."""


def configure_logging(*, json: bool = False, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Write the engine's lines, redacted, for a program that has set up no logging of its own.

    Adds one handler to the root logger, so that warnings of libraries and of Python stand in the same form. Calling it
    again replaces that handler. A library or a host with logging of its own does not call it: see docs/logging.md.

    Args:
        json: one JSON object per line, instead of columns for people.
        level: the lowest that is written of the engine's own lines: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        stream: where to; standard error unless given.

    Raises:
        EngineStateError: the program has configured structlog, which is never replaced.
        ValueError: there is no such level.
    """
    name = level.upper()
    if name not in _LEVELS:
        raise ValueError(f"level: use one of {', '.join(_LEVELS)}, not {redact_text(level[:40])!r}")
    if structlog.is_configured():
        raise EngineStateError("this program has configured structlog: the engine's lines go there already")
    handler = _ConsoleHandler(stream)
    handler.setFormatter(LineFormatter(json=json, colors=not json and handler.stream.isatty()))
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _ConsoleHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger("aegispay").setLevel(name)
    logging.captureWarnings(capture=True)
