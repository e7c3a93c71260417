"""The same for the standard library's logging: lines of ours, of libraries that the engine drives, and warnings."""

from __future__ import annotations

import logging

from aegispay.observability.redaction import REMOVED, redact, redact_text, traceback_text

OWN_LOGGERS = (
    *("aegispay", "aegispay.chaos", "aegispay.gateways", "aegispay.gateways.sandbox", "aegispay.hooks"),
    *("aegispay.outbox", "aegispay.sandbox", "aegispay.supervision"),
)
DRIVEN_LOGGERS = (
    *("aiosqlite", "asyncio", "pykka", "py.warnings", "httpx", "httpcore.connection", "httpcore.http11"),
    *("httpcore.http2", "httpcore.proxy", "httpcore.socks", "uvicorn.error", "uvicorn.access"),
)
"""Loggers of libraries through which a request's, a statement's or an exception's text could come."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class RedactingFilter(logging.Filter):
    """Takes card numbers and secrets out of every record that passes; drops none.

    Add it to a handler to cover whatever the handler writes: message and arguments, traceback, stack, and what was
    given as ``extra``. A record that is clean passes as it is.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place."""
        try:
            _redact_message(record)
            _redact_traceback(record)
            _redact_extra(record)
        except Exception:  # noqa: BLE001 - a record that cannot be looked at is not shown either
            record.msg, record.args, record.exc_info, record.exc_text = REMOVED, None, None, None
            record.stack_info = None
        return True


def _redact_message(record: logging.LogRecord) -> None:
    message = record.getMessage()
    masked, arguments = redact_text(message), repr(record.args) if record.args else ""
    # A handler may look into the arguments by itself, for what the message leaves out.
    if masked != message or redact_text(arguments) != arguments:
        record.msg, record.args = masked, None


def _redact_traceback(record: logging.LogRecord) -> None:
    if record.exc_info and record.exc_info[1] is not None:
        text = traceback_text(record.exc_info[1])
        if text != logging.Formatter().formatException(record.exc_info):
            record.exc_text, record.exc_info = text, None
    if record.exc_text:
        record.exc_text = redact_text(record.exc_text, longest=len(record.exc_text))
    if record.stack_info:
        record.stack_info = redact_text(record.stack_info, longest=len(record.stack_info))


def _redact_extra(record: logging.LogRecord) -> None:
    for name in record.__dict__.keys() - _STANDARD:
        value = record.__dict__[name]
        if not isinstance(value, bool | float | None):
            record.__dict__[name] = redact({name: value})[name]


_FILTER = RedactingFilter()


def redact_own_loggers() -> None:
    """Have every line of the engine, and of what it drives, redacted where it is made, whatever handlers there are."""
    for name in (*OWN_LOGGERS, *DRIVEN_LOGGERS):
        logging.getLogger(name).addFilter(_FILTER)


def redact_standard_logging(*handlers: logging.Handler) -> None:
    """Redact everything that these handlers write, other libraries' lines and Python's warnings included.

    Call it after the handlers have been set up. Calling it again changes nothing.

    Args:
        handlers: those of the root logger unless given, and what Python falls back to when there are none.
    """
    for handler in handlers or (*logging.getLogger().handlers, *filter(None, (logging.lastResort,))):
        handler.addFilter(_FILTER)
    logging.captureWarnings(capture=True)
