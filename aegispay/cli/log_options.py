"""``aegispay --log-level info …``: the engine's log on standard error, for whoever asks for it."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Annotated

import typer

from aegispay.cli.version import Version
from aegispay.observability.console import configure_logging


class LogLevel(StrEnum):
    """The lowest level that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line looks."""

    CONSOLE = "console"
    JSON = "json"


def log_options(
    log_level: Annotated[
        LogLevel | None, typer.Option(help="Write the engine's log to standard error, from this level on.")
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Columns for people, or one JSON object per line; docs/logging.md.")
    ] = None,
    version: Version = False,
) -> None:
    """Set up logging, if it is asked for."""
    if log_level is not None or log_format is not None:
        configure_logging(json=log_format is LogFormat.JSON, level=log_level or LogLevel.INFO)
    else:
        # The commands say themselves what went wrong; without a handler, Python would print warnings in between.
        logging.getLogger("aegispay").addHandler(logging.NullHandler())
